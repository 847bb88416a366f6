"""The index of the archive: one SQLite file. Which document is which letter's attachment; no bytes and no HTTP here."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webapp.errors import Conflict, Unavailable

SCHEMA_VERSION = 1
COLUMNS = ("id", "surat_id", "sha256", "nama", "ukuran", "klasifikasi", "diarsipkan_pada", "diarsipkan_di")
_SELECT = f"select {', '.join(COLUMNS)} from arsip"  # noqa: S608 - names of our own
_SCHEMA = """
create table if not exists skema_versi (versi integer primary key);
create table if not exists arsip (
    id text primary key,
    surat_id text not null,
    sha256 text not null check (length(sha256) = 64),
    nama text not null,
    ukuran integer not null check (ukuran >= 0),
    klasifikasi text not null,
    diarsipkan_pada text not null,
    diarsipkan_di text not null
) strict;
create index if not exists arsip_diarsipkan_pada on arsip (diarsipkan_pada, id);
create index if not exists arsip_surat_id on arsip (surat_id);
insert or ignore into skema_versi values (1);
"""


@dataclass(frozen=True)
class Document:
    """One archived document: which attachment of which letter, and its classification."""

    id: uuid.UUID
    surat_id: uuid.UUID
    sha256: str
    nama: str
    ukuran: int
    klasifikasi: str


class Index:
    """The index in one file; each call opens it anew, which costs little and leaves no lock behind."""

    def __init__(self, path: Path) -> None:
        """Keep the path; nothing is opened yet."""
        self._path = path

    def ensure(self) -> None:
        """Make the file and its table when they are missing. Raises Unavailable."""
        with self._transaction("rwc") as connection:
            connection.executescript(_SCHEMA)

    def add(self, document: Document, site: str) -> dict[str, Any]:
        """Insert a document, or recognise one archived before, and give it as stored; committed when this returns.

        Raises Conflict when the id exists with other content, Unavailable.
        """
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        values = (str(document.id), str(document.surat_id), document.sha256, document.nama, document.ukuran)
        statement = f"insert or ignore into arsip ({', '.join(COLUMNS)}) values (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        with self._transaction() as connection:
            connection.execute(statement, (*values, document.klasifikasi, moment, site))
            found = _one(connection, document.id)
        if found is None or tuple(found.values())[:6] != (*values, document.klasifikasi):
            raise Conflict(str(document.id))
        return found

    def find(self, document_id: uuid.UUID) -> dict[str, Any] | None:
        """One document, None when there is none. Raises Unavailable."""
        with self._transaction() as connection:
            return _one(connection, document_id)

    def since(self, moment: datetime, limit: int) -> list[dict[str, Any]]:
        """Documents archived at or after `moment`, oldest first, at most `limit`. Raises Unavailable."""
        text = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        statement = f"{_SELECT} where diarsipkan_pada >= ? order by diarsipkan_pada, id limit ?"
        with self._transaction() as connection:
            return [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(statement, (text, limit))]

    def count(self) -> int:
        """How many documents there are. Raises Unavailable, for an index of another version too."""
        with self._transaction() as connection:
            version, count = connection.execute(
                "select (select max(versi) from skema_versi), (select count(*) from arsip)"
            ).fetchone()
        if version != SCHEMA_VERSION:
            raise Unavailable(f"index: it has version {version}, this program needs {SCHEMA_VERSION}")
        return int(count)

    @contextmanager
    def _transaction(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """A connection whose changes are on the disk when the block ends. Raises Unavailable."""
        try:
            connection = sqlite3.connect(f"file:{self._path}?mode={mode}", uri=True, timeout=5)
            try:
                # No write-ahead log: whoever copies the file copies everything. EXTRA: the commit survives a power loss.
                connection.execute("pragma journal_mode = delete")
                connection.execute("pragma synchronous = extra")
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise Unavailable(f"index: {error}") from error


def _one(connection: sqlite3.Connection, document_id: uuid.UUID) -> dict[str, Any] | None:
    row = connection.execute(f"{_SELECT} where id = ?", (str(document_id),)).fetchone()
    return dict(zip(COLUMNS, row, strict=True)) if row else None

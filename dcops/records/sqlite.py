"""The journal in an SQLite file: WAL, synchronous FULL, writers one after another through BEGIN IMMEDIATE."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from dcops.records.ports import StoreMissing
from dcops.records.sql import SqlStore, migrate

BUSY_SECONDS = 30.0
_WRITES = "dcops_writes"


class SqliteStore(SqlStore):
    """The store in one file. With `must_exist` a missing file is an error instead of a new journal."""

    driver_error = sqlite3.Error

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        super().__init__(lambda: _open(path, must_exist=must_exist), str(path))

    @contextmanager
    def writing(self, journal: str) -> Iterator[Connection]:  # noqa: ARG002 - one lock for the whole file
        """Open a transaction with BEGIN IMMEDIATE."""
        with self.engine.execution_options(**{_WRITES: True}).begin() as connection:
            yield connection

    def check(self) -> tuple[str, ...]:
        """Return the findings of SQLite's integrity_check: damaged pages, indexes that differ from the table."""
        found = [str(row[0]) for row in self.query_text("PRAGMA integrity_check(20)")]
        return () if found == ["ok"] else tuple(line for part in found for line in part.splitlines())

    def is_damage(self, error: BaseException) -> bool:
        """Say whether SQLite calls the file malformed, no database, or its text no UTF-8."""
        return type(error) is sqlite3.DatabaseError or "decode to UTF-8" in str(error)


def _open(path: Path, *, must_exist: bool) -> Engine:
    if must_exist and not path.exists():
        raise StoreMissing("there is no journal here", where=str(path), hint="Nothing has been recorded yet.")
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    with _opening(path):
        _switch_to_wal(engine)
        migrate(engine, lambda _connection: None)
    return engine


def _switch_to_wal(engine: Engine) -> None:
    """Set the mode on a bare connection: it cannot change inside a transaction, and it stays with the file."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()


def _on_connect(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=FULL")


def _on_begin(connection: Connection) -> None:
    # The driver is told to stay out of transactions (isolation_level None): it would begin too late to exclude others.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Let one process at a time switch to WAL and migrate: that is where SQLite's own busy timeout does not wait."""
    descriptor = os.open(path.with_name(f"{path.name}.opening"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

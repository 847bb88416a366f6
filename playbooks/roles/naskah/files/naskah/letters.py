"""Letters in the database: the rules of accepting and finding them. No HTTP here."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from naskah.attachments import Attachment

FIELDS = ("nomor", "perihal", "pengirim", "penerima", "isi")
SCHEMA_VERSION = 1


class Conflict(Exception):
    """The id is taken by a letter with another content."""


class Invalid(Exception):
    """The letter lacks a field or has one of the wrong form; the message names it."""


@dataclass(frozen=True)
class Letter:
    """One letter as the sender made it; `id` is chosen by the sender and makes sending it again harmless."""

    id: uuid.UUID
    nomor: str
    perihal: str
    pengirim: str
    penerima: str
    isi: str


def parse_letter(body: Any) -> Letter:
    """Make a letter of a decoded JSON object. Raises Invalid naming the first field that is wrong."""
    if not isinstance(body, dict):
        raise Invalid("the letter must be a JSON object")
    try:
        letter_id = uuid.UUID(str(body.get("id", "")))
    except ValueError as error:
        raise Invalid("id must be a UUID") from error
    for field in FIELDS:
        value = body.get(field)
        if not isinstance(value, str) or not value or "\x00" in value:
            raise Invalid(f"{field} must be a text that is not empty")
    unknown = sorted(set(body) - {"id", *FIELDS})
    if unknown:
        raise Invalid(f"unknown field {unknown[0]}")
    return Letter(letter_id, *(body[field] for field in FIELDS))


def add(cursor: psycopg.Cursor, letter: Letter, attachments: Sequence[Attachment], site: str) -> datetime:
    """Insert the letter with its attachments, or recognise one sent before; returns when it was received.

    Raises Conflict when the id exists with other content. The caller commits.
    """
    cursor.execute(
        "insert into surat (id, nomor, perihal, pengirim, penerima, isi, diterima_di) values (%s,%s,%s,%s,%s,%s,%s)"
        " on conflict (id) do nothing returning diterima_pada",
        (letter.id, *(getattr(letter, field) for field in FIELDS), site),
    )
    row = cursor.fetchone()
    if row is None:
        return _same_again(cursor, letter, attachments)
    if attachments:
        cursor.executemany(
            "insert into lampiran (sha256, surat_id, nama, ukuran) values (%s,%s,%s,%s)",
            [(a.sha256, letter.id, a.name, a.size_bytes) for a in attachments],
        )
    return _time(row[0])


def _same_again(cursor: psycopg.Cursor, letter: Letter, attachments: Sequence[Attachment]) -> datetime:
    found = find(cursor, letter.id)
    if found is None or any(found[field] != getattr(letter, field) for field in FIELDS):
        raise Conflict(str(letter.id))
    stored = {(item["sha256"], item["nama"]) for item in found["lampiran"]}
    if stored != {(a.sha256, a.name) for a in attachments}:
        raise Conflict(str(letter.id))
    return _time(found["diterima_pada"])


def find(cursor: psycopg.Cursor, letter_id: uuid.UUID) -> dict[str, Any] | None:
    """The letter with its attachments' names, hashes and sizes; None when there is none."""
    columns = ("id", *FIELDS, "diterima_pada", "diterima_di")
    cursor.execute(
        "select id, nomor, perihal, pengirim, penerima, isi, diterima_pada, diterima_di from surat where id = %s",
        (letter_id,),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    cursor.execute("select sha256, nama, ukuran from lampiran where surat_id = %s order by sha256", (letter_id,))
    files = [{"sha256": sha, "nama": name, "ukuran": size} for sha, name, size in cursor.fetchall()]
    return {**dict(zip(columns, row, strict=True)), "lampiran": files}


def since(cursor: psycopg.Cursor, moment: datetime, limit: int) -> list[dict[str, Any]]:
    """The letters received at or after `moment`, oldest first, at most `limit`, without their text."""
    columns = ("id", "nomor", "perihal", "diterima_pada", "diterima_di")
    cursor.execute(
        "select id, nomor, perihal, diterima_pada, diterima_di from surat where diterima_pada >= %s"
        " order by diterima_pada, id limit %s",
        (moment, limit),
    )
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def attachment_of(cursor: psycopg.Cursor, letter_id: uuid.UUID, sha256: str) -> Attachment | None:
    """The attachment of this letter with this hash; None when the letter has no such one."""
    cursor.execute("select nama, ukuran from lampiran where surat_id = %s and sha256 = %s", (letter_id, sha256))
    row = cursor.fetchone()
    return Attachment(sha256, str(row[0]), int(row[1])) if row else None


def health(cursor: psycopg.Cursor) -> tuple[int, str]:
    """How many letters there are, and what keeps new ones from being accepted (empty: nothing)."""
    cursor.execute("select pg_is_in_recovery(), to_regclass('skema_versi') is not null")
    row = cursor.fetchone()
    is_standby, has_schema = row if row else (False, False)
    if not has_schema:
        return 0, "the database has no tables of this application"
    cursor.execute("select (select max(versi) from skema_versi), (select count(*) from surat)")
    row = cursor.fetchone()
    version, count = row if row else (None, 0)
    if version != SCHEMA_VERSION:
        return int(count), f"the tables have version {version}, this program needs {SCHEMA_VERSION}"
    return int(count), "the database is read-only (a standby)" if is_standby else ""


def _time(value: Any) -> datetime:
    assert isinstance(value, datetime)
    return value

"""Attendance entries in the database: the rules of accepting, finding and counting them. No HTTP here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from webapp.errors import Conflict, Invalid

PERSON_LENGTH = 16  # of the column
KINDS = ("masuk", "pulang")
FIELDS = ("id", "pegawai", "jenis", "waktu")
COLUMNS = (*FIELDS, "diterima_pada", "diterima_di")
SCHEMA_VERSION = 1
_SELECT = f"select {', '.join(COLUMNS)} from kehadiran"  # noqa: S608 - names of our own


@dataclass(frozen=True)
class Entry:
    """One coming or going; `id` is chosen by the sender and makes sending it again harmless."""

    id: uuid.UUID
    pegawai: str
    jenis: str
    waktu: datetime


def parse_entry(body: dict[str, str]) -> Entry:
    """Make an entry of the texts that were sent. Raises Invalid naming the first that is wrong."""
    try:
        entry_id = uuid.UUID(body["id"])
    except ValueError as error:
        raise Invalid("id must be a UUID") from error
    if len(body["pegawai"]) > PERSON_LENGTH:
        raise Invalid(f"pegawai must have at most {PERSON_LENGTH} characters")
    if body["jenis"] not in KINDS:
        raise Invalid("jenis must be masuk or pulang")
    try:
        moment = datetime.fromisoformat(body["waktu"])
    except ValueError as error:
        raise Invalid("waktu must be a time such as 2026-11-24T07:30:00+07:00") from error
    if moment.tzinfo is None:
        raise Invalid("waktu must name its zone, such as 2026-11-24T07:30:00+07:00")
    return Entry(entry_id, body["pegawai"], body["jenis"], moment.astimezone(UTC).replace(tzinfo=None))


def add(cursor: Cursor, entry: Entry, site: str) -> dict[str, Any]:
    """Insert an entry, or recognise one sent before, and give it as stored. The caller commits.

    Raises Conflict when the id exists with other content, Invalid for a code that is no member of staff.
    """
    statement = "insert into kehadiran (id, pegawai, jenis, waktu, diterima_di) values (%s, %s, %s, %s, %s)"
    try:
        cursor.execute(statement, (str(entry.id), entry.pegawai, entry.jenis, entry.waktu, site))
    except pymysql.err.IntegrityError as error:
        if error.args[0] == 1452:  # ER_NO_REFERENCED_ROW_2
            raise Invalid(f"pegawai {entry.pegawai} is not known") from error
        if error.args[0] != 1062:  # ER_DUP_ENTRY
            raise
    found = find(cursor, entry.id)
    if found is None or any(found[name] != getattr(entry, name) for name in FIELDS[1:]):
        raise Conflict(str(entry.id))
    return found


def find(cursor: Cursor, entry_id: uuid.UUID) -> dict[str, Any] | None:
    """One entry, None when there is none."""
    cursor.execute(f"{_SELECT} where id = %s", (str(entry_id),))
    row = cursor.fetchone()
    return dict(zip(COLUMNS, row, strict=True)) if row else None


def since(cursor: Cursor, moment: datetime, limit: int) -> list[dict[str, Any]]:
    """The entries received at or after `moment`, oldest first, at most `limit`."""
    statement = f"{_SELECT} where diterima_pada >= %s order by diterima_pada, id limit %s"
    cursor.execute(statement, (moment.replace(tzinfo=None), limit))
    return [dict(zip(COLUMNS, row, strict=True)) for row in cursor.fetchall()]


def summary(cursor: Cursor, day: date) -> dict[str, int]:
    """How many entries of each kind one day (UTC) has, and of how many members of staff."""
    first = datetime.combine(day, datetime.min.time())
    statement = ("select count(distinct pegawai), coalesce(sum(jenis = 'masuk'), 0), coalesce(sum(jenis = 'pulang'), 0)"
                 " from kehadiran where waktu >= %s and waktu < %s")  # fmt: skip
    cursor.execute(statement, (first, first + timedelta(days=1)))
    row = cursor.fetchone() or (0, 0, 0)
    return {"pegawai": int(row[0]), "masuk": int(row[1]), "pulang": int(row[2])}


def health(cursor: Cursor) -> tuple[int, str]:
    """How many entries there are, and what keeps new ones from being accepted (empty: nothing)."""
    cursor.execute("select @@read_only, (select count(*) from information_schema.tables"
                   " where table_schema = database() and table_name = 'skema_versi')")  # fmt: skip
    is_read_only, tables = cursor.fetchone() or (0, 0)
    if not tables:
        return 0, "the database has no tables of this application"
    cursor.execute("select (select max(versi) from skema_versi), (select count(*) from kehadiran)")
    version, count = cursor.fetchone() or (None, 0)
    if version != SCHEMA_VERSION:
        return int(count), f"the tables have version {version}, this program needs {SCHEMA_VERSION}"
    return int(count), "the database is read-only" if is_read_only else ""

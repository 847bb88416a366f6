"""absensi-skema: make the application's tables; a second call changes nothing and says so."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from absensi.database import Database
from absensi.entries import SCHEMA_VERSION
from webapp.errors import Unavailable
from webapp.settings import Settings, load_settings

SCHEMA_FILE = Path(__file__).with_name("schema.sql")


def version(database: Database) -> int | None:
    """The version of the tables that are there, None without any. Raises Unavailable."""
    with database.transaction() as cursor:
        cursor.execute("select count(*) from information_schema.tables"
                       " where table_schema = database() and table_name = 'skema_versi'")  # fmt: skip
        row = cursor.fetchone()
        if not row or not row[0]:
            return None
        cursor.execute("select max(versi) from skema_versi")
        row = cursor.fetchone()
        return int(row[0]) if row and row[0] is not None else None


def ensure_schema(settings: Settings, *, check: bool) -> bool:
    """Create the tables when they are missing, or with `check` only look; whether anything was or would be changed.

    MariaDB commits each `create table` by itself; each is harmless when repeated and the version is written last, so a
    call that was interrupted is completed by the next. Raises Unavailable, ValueError for tables of another version.
    """
    database = Database(settings, seconds=30)
    found = version(database)
    if found == SCHEMA_VERSION:
        return False
    if found is not None:
        raise ValueError(f"the tables have version {found}, this program knows {SCHEMA_VERSION}")
    if check:
        return True
    lines = [line for line in SCHEMA_FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("--")]
    with database.transaction() as cursor:
        for statement in "\n".join(lines).split(";"):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute("insert ignore into skema_versi (versi) values (%s)", (SCHEMA_VERSION,))
    return True


def main() -> int:
    """Entry point of absensi-skema: 0 done or nothing to do, 1 failed."""
    parser = argparse.ArgumentParser(prog="absensi-skema", description="Make the tables of absensi.")
    parser.add_argument("--check", action="store_true", help="look only")
    options = parser.parse_args()
    try:
        changed = ensure_schema(load_settings(), check=options.check)
    except (Unavailable, ValueError, OSError, KeyError) as error:
        print(f"absensi-skema: {error}", file=sys.stderr)
        return 1
    print("changed" if changed else "unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(main())

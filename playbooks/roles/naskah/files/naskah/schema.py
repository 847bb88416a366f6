"""naskah-skema: make the application's tables; a second call changes nothing and says so."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import psycopg

from naskah.database import Database, DatabaseDown
from naskah.letters import SCHEMA_VERSION
from naskah.settings import Settings, load_settings

SCHEMA_FILE = Path(__file__).with_name("schema.sql")


def ensure_schema(settings: Settings) -> bool:
    """Create the tables when they are missing; whether anything was changed.

    Raises DatabaseDown, or ValueError when the tables are of another version than this program's.
    """
    with Database(settings).transaction(seconds=30) as cursor:
        if (version := _version(cursor)) == SCHEMA_VERSION:
            return False
        if version is not None:
            raise ValueError(f"the tables have version {version}, this program knows {SCHEMA_VERSION}")
        cursor.execute(SCHEMA_FILE.read_bytes())
    return True


def _version(cursor: psycopg.Cursor) -> int | None:
    cursor.execute("select pg_advisory_xact_lock(7710110), to_regclass('skema_versi')")
    row = cursor.fetchone()
    if row is None or row[1] is None:
        return None
    cursor.execute("select max(versi) from skema_versi")
    row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else None


def main() -> int:
    """Entry point of naskah-skema: 0 done or nothing to do, 1 failed."""
    argparse.ArgumentParser(prog="naskah-skema", description=__doc__).parse_args()
    try:
        changed = ensure_schema(load_settings())
    except (DatabaseDown, ValueError, OSError, KeyError) as error:
        print(f"naskah-skema: {error}", file=sys.stderr)
        return 1
    print("changed" if changed else "unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(main())

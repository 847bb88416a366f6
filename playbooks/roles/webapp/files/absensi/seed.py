"""absensi-isi: fill the application with entries of a wanted number, for rehearsals.

An entry is a function of its number, so a second call finds everything there and adds nothing, and one that was
interrupted is completed by the next. The days lie before 2026-11-01, so entries sent since are told apart.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from datetime import datetime, timedelta

from absensi.database import Database
from webapp.errors import Unavailable
from webapp.settings import Settings, load_settings

NAMESPACE = uuid.UUID("4d5a2c0e-7a3b-4a55-9a47-9b0f2d3f6c21")
STAFF = 40
FIRST_DAY = datetime(2026, 1, 1)
BATCH = 2000


def entry(number: int) -> tuple[str, str, str, datetime]:
    """The seeded entry of this number: id, member of staff, kind, time (UTC)."""
    day, rest = divmod(number, STAFF * 2)
    staff, going = divmod(rest, 2)
    moment = FIRST_DAY + timedelta(days=day % 300, hours=9 if going else 0, minutes=(number * 7) % 45, seconds=day // 300)
    return str(uuid.uuid5(NAMESPACE, f"kehadiran-{number}")), f"P{staff:04d}", "pulang" if going else "masuk", moment


def run(settings: Settings, entries: int) -> int:
    """Add what is missing of `entries`; how many were added. Raises Unavailable."""
    database, added = Database(settings, seconds=60), 0
    with database.transaction() as cursor:
        staff = [(f"P{number:04d}", f"unit-{number % 7}") for number in range(STAFF)]
        cursor.executemany("insert ignore into pegawai (kode, unit) values (%s, %s)", staff)
    statement = "insert ignore into kehadiran (id, pegawai, jenis, waktu, diterima_di) values (%s, %s, %s, %s, %s)"
    for first in range(0, entries, BATCH):
        rows = [(*entry(number), settings.site) for number in range(first, min(first + BATCH, entries))]
        with database.transaction() as cursor:
            added += cursor.executemany(statement, rows) or 0
    return added


def main() -> int:
    """Entry point of absensi-isi: 0 done or nothing to do, 1 failed."""
    parser = argparse.ArgumentParser(prog="absensi-isi", description="Fill the application with entries.")
    parser.add_argument("--entries", type=int, default=4000)
    options = parser.parse_args()
    try:
        added = run(load_settings(), options.entries)
    except (Unavailable, OSError, KeyError) as error:
        print(f"absensi-isi: {error}", file=sys.stderr)
        return 1
    print(f"entries added {added}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

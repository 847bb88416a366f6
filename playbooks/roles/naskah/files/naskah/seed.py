"""naskah-isi: fill the application with letters of a wanted volume, for rehearsals.

The content is a function of its number (SHAKE-256), so it does not compress, a second call finds everything there
and adds nothing, and one that was interrupted is completed by the next.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from naskah.attachments import Attachment, path_of, sync_folder
from naskah.database import Database, DatabaseDown
from naskah.settings import Settings, load_settings

NAMESPACE = uuid.UUID("8a0f3c52-6f0b-4c0e-9d0a-5d6e1f2b7a10")
TEXT_BYTES = 32 * 1024
BATCH_LETTERS = 500
SMALLEST_ATTACHMENT_BYTES, ATTACHMENT_SPREAD_BYTES = 10 * 1024, 40 * 1024


def letter_id(number: int) -> uuid.UUID:
    """The id of the seeded letter of this number, always the same."""
    return uuid.uuid5(NAMESPACE, f"surat-{number}")


def letter_text(number: int) -> str:
    """32 KiB of printable text without any pattern a compressor could use beyond the alphabet."""
    return base64.b64encode(hashlib.shake_256(b"isi-%d" % number).digest(TEXT_BYTES * 3 // 4)).decode()


def attachment_bytes(number: int) -> bytes:
    """10 to 50 KiB of noise, 30 KiB on average."""
    size = SMALLEST_ATTACHMENT_BYTES + (number * 7919) % ATTACHMENT_SPREAD_BYTES
    return hashlib.shake_256(b"lampiran-%d" % number).digest(size)


def seed_letters(database: Database, site: str, megabytes: int) -> int:
    """Add the letters still missing for `megabytes` (10**6) of text; how many were added. One commit per batch."""
    wanted, added = -(-megabytes * 10**6 // TEXT_BYTES), 0
    for start in range(0, wanted, BATCH_LETTERS):
        numbers = range(start, min(start + BATCH_LETTERS, wanted))
        with database.transaction(seconds=60) as cursor:
            missing = _missing(cursor, numbers)
            if missing:
                _copy_letters(cursor, missing, site)
                added += len(missing)
    return added


def _missing(cursor: psycopg.Cursor, numbers: range) -> list[int]:
    ids = {letter_id(number): number for number in numbers}
    cursor.execute("select id from surat where id = any(%s)", (list(ids),))
    present = {row[0] for row in cursor.fetchall()}
    return [number for key, number in ids.items() if key not in present]


def _copy_letters(cursor: psycopg.Cursor, numbers: list[int], site: str) -> None:
    statement = "copy surat (id, nomor, perihal, pengirim, penerima, isi, diterima_di) from stdin"
    with cursor.copy(statement) as copy:
        for number in numbers:
            head = (f"ND-{number:06d}/2026", f"Perihal {number}", f"unit-{number % 37}", f"unit-{number % 41}")
            copy.write_row((letter_id(number), *head, letter_text(number), site))


def seed_attachments(database: Database, folder: Path, count: int) -> int:
    """Add the attachments still missing of `count`, two on a letter; how many were added.

    Files are made durable before the rows that name them are committed.
    """
    with database.transaction(seconds=60) as cursor:
        cursor.execute("select sha256 from lampiran")
        present = {row[0] for row in cursor.fetchall()}
    rows = list(_files(folder, count, present))
    for name in {item.sha256[:2] for _, item in rows}:
        sync_folder(folder / name)
    sync_folder(folder)
    with (
        database.transaction(seconds=60) as cursor,
        cursor.copy("copy lampiran (sha256, surat_id, nama, ukuran) from stdin") as copy,
    ):
        for owner, item in rows:
            copy.write_row((item.sha256, letter_id(owner), item.name, item.size_bytes))
    return len(rows)


def _files(folder: Path, count: int, present: set[str]) -> Iterator[tuple[int, Attachment]]:
    for number in range(count):
        content = attachment_bytes(number)
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 in present and path_of(folder, sha256).is_file():
            continue
        _write(path_of(folder, sha256), content)
        if sha256 not in present:
            yield number // 2, Attachment(sha256, f"lampiran-{number}.bin", len(content))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".isi")
    with open(temporary, "wb") as output:
        output.write(content)
        output.flush()
        os.fchmod(output.fileno(), 0o640)
        os.fsync(output.fileno())
    temporary.rename(path)


def run(settings: Settings, megabytes: int, attachments: int) -> tuple[int, int]:
    """Seed both; (letters added, attachments added). Raises ValueError when there are too few letters to hang on."""
    if attachments > 2 * (-(-megabytes * 10**6 // TEXT_BYTES)):
        raise ValueError("at most two attachments a letter: ask for more megabytes")
    database = Database(settings)
    letters_added = seed_letters(database, settings.site, megabytes)
    return letters_added, seed_attachments(database, settings.attachments, attachments)


def main() -> int:
    """Entry point of naskah-isi: 0 done or nothing to do, 1 failed."""
    parser = argparse.ArgumentParser(prog="naskah-isi", description="Fill the application with letters.")
    parser.add_argument("--letters-megabytes", type=int, default=200)
    parser.add_argument("--attachments", type=int, default=2000)
    options = parser.parse_args()
    try:
        added = run(load_settings(), options.letters_megabytes, options.attachments)
    except (DatabaseDown, ValueError, OSError, KeyError) as error:
        print(f"naskah-isi: {error}", file=sys.stderr)
        return 1
    print(f"letters added {added[0]}, attachments added {added[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

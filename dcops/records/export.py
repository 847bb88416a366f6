"""Exports: records as JSON lines with the public keys beside them, for a stranger to verify. Format: docs/records.md.

records.jsonl   one object a line: {journal, seq, text, hash, signature, key_id}
keys.json       JWK set, and keys/<key id>.pem for openssl
heads.json      an anchor made at the moment of the export
"""

import json
from collections.abc import Iterator
from pathlib import Path

from dcops.core.errors import DcopsError
from dcops.core.files import write_atomic
from dcops.records.chain import read_envelope
from dcops.records.keyring import Keyring, KnownKey, key_set
from dcops.records.model import Stored
from dcops.records.ports import StoreUnavailable

_FIELDS = ("journal", "seq", "text", "hash", "signature", "key_id")


def export_line(row: Stored) -> str:
    """Return one row as a JSON line, without the line's end."""
    return json.dumps({name: getattr(row, name) for name in _FIELDS}, ensure_ascii=False)


def read_line(line: str, *, where: str) -> Stored:
    """Return the row of a JSON line; raise StoreUnavailable when it is none."""
    try:
        fields = json.loads(line)
        str(fields["text"]).encode("utf-8")  # half a surrogate pair has no bytes to hash
        row = Stored(**{name: fields[name] for name in _FIELDS})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreUnavailable("this line is no exported record", where=where) from error
    if not isinstance(row.seq, int) or not all(isinstance(getattr(row, n), str) for n in _FIELDS if n != "seq"):
        raise StoreUnavailable("this line is no exported record", where=where)
    return row


def write_export(folder: Path, rows: Iterator[Stored], known: list[KnownKey], heads: str) -> int:
    """Write an export into a new or empty folder; return the number of records. Raise DcopsError for any other."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DcopsError("the folder is not empty", where=str(folder), hint="Name a new one.")
        count = _write_rows(folder / "records.jsonl", rows)
        (folder / "keys").mkdir()
    except OSError as error:
        raise DcopsError(f"cannot export: {error.strerror}", where=str(folder)) from error
    for item in known:
        write_atomic(folder / "keys" / f"{item.key.key_id}.pem", item.key.pem)
    write_atomic(folder / "keys.json", json.dumps(key_set(known), indent=2) + "\n")
    write_atomic(folder / "heads.json", heads)
    return count


def keys_of(rows: Iterator[Stored]) -> Iterator[KnownKey]:
    """Yield the keys that the records of a journal introduce, in order."""
    for row in rows:
        if '"kind":"journal.' not in row.text:
            continue
        try:
            jwk = read_envelope(row.text).payload.get("jwk")
        except ValueError:
            continue  # a changed text introduces nothing; that it was changed is for `verify` to say
        ring = Keyring()
        if isinstance(jwk, dict):
            ring.learn(jwk)
        yield from (KnownKey(key, row.journal) for key in ring.keys.values())


class ExportReader:
    """Reads an export, a folder or its records.jsonl, as a store that only gives rows."""

    def __init__(self, path: Path) -> None:
        self._path = path / "records.jsonl" if path.is_dir() else path

    def journals(self) -> tuple[str, ...]:
        """Return the names of all journals in the export, sorted."""
        return tuple(sorted({row.journal for row in self._rows()}))

    def rows(self, journal: str) -> Iterator[Stored]:
        """Yield one journal's rows in the order of the file: an export out of order is a finding."""
        return (row for row in self._rows() if row.journal == journal)

    def check(self) -> tuple[str, ...]:
        """Return nothing: a text file has no inner structure that could be damaged."""
        return ()

    def _rows(self) -> Iterator[Stored]:
        try:
            with self._path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    yield read_line(line, where=f"{self._path}:{number}")
        except (OSError, UnicodeDecodeError) as error:
            raise StoreUnavailable(f"cannot read: {error}", where=str(self._path)) from error


def _write_rows(path: Path, rows: Iterator[Stored]) -> int:
    count = 0
    with path.open("x", encoding="utf-8") as file:
        for row in rows:
            file.write(export_line(row) + "\n")
            count += 1
    return count

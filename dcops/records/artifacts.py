"""Artifacts: bytes too long for a record, kept under their SHA-256, so that a record can name them exactly.

`$DCOPS_STATE/artifacts/ab/<sha256>`; written whole or not at all, never changed, verified at every read.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dcops.core.errors import DcopsError, JournalInvalid, UsageError
from dcops.core.files import write_atomic

_HASH = re.compile(r"^[0-9a-f]{64}$")
_PIECE_BYTES = 1 << 20


class Artifacts:
    """The store below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes | str) -> str:
        """Keep bytes (or a text as UTF-8) and return their SHA-256; the same bytes again change nothing.

        A damaged copy of the same bytes is written anew. Raises DcopsError when the disk is full.
        """
        raw = data.encode("utf-8") if isinstance(data, str) else data
        digest = hashlib.sha256(raw).hexdigest()
        path = self.path(digest)
        if not path.exists() or _digest_of(path) != digest:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DcopsError(f"cannot keep an artifact: {error.strerror}", where=str(path)) from error
            write_atomic(path, raw, mode=0o444)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes; raise JournalInvalid (exit 30) when they are not what the name says, or are gone."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise JournalInvalid("the artifact is missing", where=str(path)) from None
        except OSError as error:
            raise DcopsError(f"cannot read: {error.strerror}", where=str(path)) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise JournalInvalid("the artifact was changed", where=str(path))
        return data

    def path(self, digest: str) -> Path:
        """Return where an artifact lies; raise UsageError when `digest` is no SHA-256 in hex."""
        if not _HASH.match(digest):
            raise UsageError(f'"{digest}" is no SHA-256', hint="64 lower-case hex digits.")
        return self._folder / digest[:2] / digest

    def damaged(self) -> Iterator[str]:
        """Yield the names of artifacts whose bytes are no longer what their name says."""
        for path in sorted(self._folder.glob("[0-9a-f][0-9a-f]/*")):
            if _HASH.match(path.name) and _digest_of(path) != path.name:
                yield path.name


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        return ""
    return digest.hexdigest()

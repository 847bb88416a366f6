"""The kit's archive: uncompressed ustar, written in one way only, as a stream. Format: docs/recovery-kit.md.

Each header is rendered again from name and size and compared, padding and end are zero, names rise: what is accepted is
exactly what `write_archive` writes for these members, so nothing hides between them. A kit is larger than memory should
be asked to hold, therefore contents go through in pieces.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dcops.core.errors import DcopsError, JournalInvalid
from dcops.core.files import sync_folder

PAGE, PAGE_SIGNATURE, MANIFEST, MANIFEST_SIGNATURE = "KIT", "KIT.sig", "MANIFEST", "MANIFEST.sig"
FRONT = (PAGE, PAGE_SIGNATURE, MANIFEST, MANIFEST_SIGNATURE)
Content = bytes | Path
Sink = Callable[[bytes], object]
_BLOCK, _PIECE = 512, 1 << 20
_PART = r"[A-Za-z0-9_][A-Za-z0-9._+~%-]{0,99}"
_NAME = re.compile(rf"(?:{_PART}/){{0,4}}{_PART}")
_END = bytes(2 * _BLOCK)


@dataclass(frozen=True)
class Member:
    """A member as it was read: its size and the SHA-256 of its content."""

    size_bytes: int
    sha256: str


def hash_of(content: Content) -> str:
    """Return the SHA-256 of bytes or of a file."""
    digest = hashlib.sha256()
    for piece in _pieces(content):
        digest.update(piece)
    return digest.hexdigest()


def write_archive(path: Path, members: Mapping[str, Content]) -> str:
    """Write the archive of these members beside `path`, synced, then in place; return its SHA-256.

    A crash leaves no file of that name. Raises DcopsError for a full disk or a name that is not of the format.
    """
    for name in members:
        if not _NAME.fullmatch(name):
            raise DcopsError("this name cannot be in a kit", where=name)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            for piece in _archive(members):
                digest.update(piece)
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise DcopsError(f"cannot write the archive: {error.strerror}", where=str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return digest.hexdigest()


def read_archive(path: Path, sink: Callable[[str, int], Sink | None]) -> tuple[dict[str, Member], str, int]:
    """Return the members by name, the file's SHA-256 and its size; each content goes in pieces to `sink(name, size)`.

    Raises JournalInvalid (exit 30) unless `write_archive` would write exactly this file.
    """
    try:
        with path.open("rb") as stream:
            reader = _Reader(stream)
            return reader.members(sink), reader.digest.hexdigest(), reader.size
    except OSError as error:
        raise DcopsError(f"cannot read: {error.strerror}", where=str(path)) from error


class _Reader:
    """Reads one archive from its start to its end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.size = 0

    def members(self, sink: Callable[[str, int], Sink | None]) -> dict[str, Member]:
        """Return the members in order."""
        found: dict[str, Member] = {}
        while (block := self._take(_BLOCK)) != bytes(_BLOCK):
            name, size = _head(block)
            if block != _header(name, size):
                raise JournalInvalid("the member's header is not written as the format says", where=name)
            if name in found:
                raise JournalInvalid("the name is taken twice", where=name)
            found[name] = self._content(name, size, sink(name, size))
        if self._take(_BLOCK) != bytes(_BLOCK) or self._stream.read(1):
            raise JournalInvalid("something follows the end of the archive", where="kit")
        if list(found) != _order(found):
            raise JournalInvalid("the members are not in the order of the format", where="kit")
        return found

    def _content(self, name: str, size: int, sink: Sink | None) -> Member:
        digest, left = hashlib.sha256(), size
        while left:
            piece = self._take(min(left, _PIECE))
            digest.update(piece)
            left -= len(piece)
            if sink is not None:
                sink(piece)
        if any(self._take(-size % _BLOCK)):
            raise JournalInvalid("the space behind the member is not empty", where=name)
        return Member(size, digest.hexdigest())

    def _take(self, size: int) -> bytes:
        piece = self._stream.read(size)
        if len(piece) != size:
            raise JournalInvalid("the archive is cut off", where="kit", hint="Copy it again.")
        self.digest.update(piece)
        self.size += size
        return piece


def _order(names: Mapping[str, object]) -> list[str]:
    return [name for name in FRONT if name in names] + sorted(names.keys() - set(FRONT))


def _archive(members: Mapping[str, Content]) -> Iterator[bytes]:
    for name in _order(members):
        content = members[name]
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        yield _header(name, size)
        written = 0
        for piece in _pieces(content):
            written += len(piece)
            yield piece
        if written != size:
            raise DcopsError("the file changed while it was read", where=name, hint="Build again.")
        yield bytes(-size % _BLOCK)
    yield _END


def _pieces(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _head(block: bytes) -> tuple[str, int]:
    """Return name and size as a header gives them; nothing else of it is believed."""
    folder = block[345:500].rstrip(b"\0").decode("ascii", "replace")
    last = block[:100].rstrip(b"\0").decode("ascii", "replace")
    name = f"{folder}/{last}" if folder else last
    digits = block[124:135]
    if not _NAME.fullmatch(name) or not re.fullmatch(rb"[0-7]{11}", digits):
        raise JournalInvalid("a member's name or size is not of the format", where="kit")
    return name, int(digits, 8)


def _header(name: str, size: int) -> bytes:
    """Return the ustar header (POSIX.1-1988) of a file of mode 0444, owner 0, time 0; the folder is the prefix."""
    folder, _, last = name.rpartition("/")
    start = last.encode("ascii").ljust(100, b"\0") + b"0000444\0" + b"0000000\0" * 2
    start += f"{size:011o}\0".encode("ascii") + b"00000000000\0"
    rest = b"0" + bytes(100) + b"ustar\00000" + bytes(64) + b"0000000\0" * 2
    rest += folder.encode("ascii").ljust(155, b"\0") + bytes(12)
    total = sum(start) + 8 * 0x20 + sum(rest)
    return start + f"{total:06o}\0 ".encode("ascii") + rest

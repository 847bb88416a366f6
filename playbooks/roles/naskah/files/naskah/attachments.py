"""Attachments on disk: one file per content, named by its SHA-256, never changed once it is there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, order=True)
class Attachment:
    """One stored file: its hash (hex), the name the sender gave it, its size."""

    sha256: str
    name: str
    size_bytes: int


def path_of(folder: Path, sha256: str) -> Path:
    """Where a content of this hash lies: `<folder>/ab/<sha256>`."""
    return folder / sha256[:2] / sha256


def store(folder: Path, name: str, stream: BinaryIO) -> Attachment:
    """Write one stream durably and return what it is; a content already there is kept as it is.

    The bytes go to a temporary file in the same file system, are fsynced, renamed, and the folder is fsynced:
    after this returns a power loss does not lose them. Raises OSError (disk full and so on) and leaves no
    temporary file then.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    handle, temporary = tempfile.mkstemp(dir=folder / "tmp")
    try:
        with os.fdopen(handle, "wb") as output:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                output.write(chunk)
            output.flush()
            os.fchmod(output.fileno(), 0o640)
            os.fsync(output.fileno())
        target = path_of(folder, digest.hexdigest())
        _place(Path(temporary), target, size)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Attachment(digest.hexdigest(), name, size)


def _place(temporary: Path, target: Path, size: int) -> None:
    """Rename into place and make the directory entry durable; a shorter file of that name (torn copy) is replaced."""
    if not target.parent.is_dir():
        target.parent.mkdir(exist_ok=True)
        sync_folder(target.parent.parent)
    if target.exists() and target.stat().st_size == size:
        temporary.unlink()
    else:
        temporary.rename(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """fsync a directory, so that a name made in it survives a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

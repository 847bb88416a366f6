"""Files written whole or not at all."""

import contextlib
import os
import threading
from pathlib import Path

from dcops.core.errors import DcopsError

PATH_HINT = "Look at that path: its folder, its owner and mode, free space. DCOPS_STATE says where state is written."


def write_atomic(path: Path, data: bytes | str, mode: int = 0o644) -> None:
    """Write `data` to `path` by a synced temporary file beside it and a rename; a crash leaves the old file or the new.

    Raises DcopsError naming the path when the disk is full or the folder is missing.
    """
    raw = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise DcopsError(f"cannot write: {error.strerror}", where=str(path), hint=PATH_HINT) from error


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_dir(path: Path) -> Path:
    """Make `path` a folder that only its owner can enter, and give it back."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise DcopsError(f"cannot make a private folder: {error.strerror}", where=str(path), hint=PATH_HINT) from error
    return path


def read_text(path: Path) -> str:
    """Read a UTF-8 file. Raises DcopsError naming the path and the cause."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DcopsError(f"cannot read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise DcopsError("not UTF-8 text", where=str(path)) from error

"""A private folder in memory: the last place to write when every disk is full."""

import os
import stat
from pathlib import Path

from dcops.core.errors import DcopsError

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made in it is this user's alone, and checked


def memory_folder(base: Path = _SHARED_MEMORY) -> Path:
    """Return a folder of mode 0700 in memory, made if need be; raise DcopsError when somebody else made it first."""
    folder = base / f"dcops-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise DcopsError(f"no folder in memory: {error.strerror}", where=str(folder)) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise DcopsError("the folder in memory is not this user's own", where=str(folder), hint="Remove it.")
    return folder

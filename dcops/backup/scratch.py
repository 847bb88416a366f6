"""Private folders of one verification, always wiped: also after a failure, after INT and TERM, and after kill -9.

Two folders lie side by side, `dcops-verify-RUN` for what is restored and `dcops-verify-RUN-db` for a database server,
because that may run as another account and must not have to pass through the first. Both have mode 0700, and neither
may exist before. What a killed run left is swept by the next one.
"""

import os
import pwd
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from dcops.core.errors import DcopsError, Interrupted, Refused
from dcops.core.files import PATH_HINT

# On disk by the file hierarchy standard, where /tmp may be memory; every account can pass through it.
BASE = Path("/var/tmp")  # noqa: S108 - the folders in it are made exclusively, with mode 0700
_NAME = re.compile(r"^dcops-verify-([0-9A-Z]{26})(-db)?$")
_DATABASE_ACCOUNTS = ("postgres", "mysql")


class PrivateScratch:
    """The folders of run `run` below `base`; made when the block begins, gone when it ends."""

    def __init__(self, run: str, base: Path = BASE) -> None:
        self._base = base
        self._folder = base / f"dcops-verify-{run}"
        self.cluster_folder = base / f"dcops-verify-{run}-db"
        self._is_deaf = False

    @property
    def folder(self) -> Path:
        """Where restored data goes."""
        return self._folder

    @property
    def free_bytes(self) -> int:
        """Room that is left there."""
        return shutil.disk_usage(self._base).free

    def wipe(self) -> bool:
        """Remove both folders and look whether they are gone. From here on signals no longer interrupt."""
        self._is_deaf = True
        for path in (self.cluster_folder, self._folder):
            shutil.rmtree(path, ignore_errors=True)
        return not any(os.path.lexists(path) for path in (self.cluster_folder, self._folder))

    @contextmanager
    def opened(self) -> Iterator["PrivateScratch"]:
        """Make the folder; wipe at the end, whatever the way out. INT and TERM raise Interrupted, once.

        Raises Refused when the name is taken already: nothing of others is ever used or removed.
        """
        before = self._listen()
        try:
            make_private(self._folder)
            try:
                yield self
            finally:
                self.wipe()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _listen(self) -> dict[signal.Signals, "Callable[[int, FrameType | None], object] | int | None"]:
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Interrupt the work once; what comes while things are being ended and wiped is not heard."""
        if not self._is_deaf:
            self._is_deaf = True
            raise Interrupted(f"interrupted by {signal.Signals(number).name}")


def make_private(path: Path, owner: str | None = None) -> Path:
    """Make a folder that was not there, mode 0700, of account `owner`. Raises Refused when the name is taken."""
    try:
        path.mkdir(mode=0o700)
        if owner:
            shutil.chown(path, owner, pwd.getpwnam(owner).pw_gid)
    except FileExistsError as error:
        raise Refused("the folder is there already", where=str(path), hint="It is not ours; look at it.") from error
    except (OSError, KeyError) as error:
        raise DcopsError(f"cannot make a private folder: {error}", where=str(path), hint=PATH_HINT) from error
    return path


def sweep(is_dead: Callable[[str], bool], base: Path = BASE) -> tuple[str, ...]:
    """Wipe what killed runs left below `base` and give the names, sorted.

    Only folders of our own account or the database's, named as ours are, of runs for which `is_dead(run)` holds.
    """
    gone = []
    for path in sorted(base.glob("dcops-verify-*")):
        match = _NAME.match(path.name)
        if match and not path.is_symlink() and path.lstat().st_uid in _our_ids() and is_dead(match.group(1)):
            shutil.rmtree(path, ignore_errors=True)
            gone += [] if os.path.lexists(path) else [path.name]
    return tuple(gone)


def _our_ids() -> set[int]:
    ids = {os.geteuid()}
    for account in _DATABASE_ACCOUNTS if os.geteuid() == 0 else ():
        with suppress(KeyError):
            ids.add(pwd.getpwnam(account).pw_uid)
    return ids

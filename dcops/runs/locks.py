"""Named locks on this machine: flock on a file that says who holds it. The kernel frees it when the holder dies.

So a lock is never stale in effect; the text a dead holder left behind is told apart from a living one's.
"""

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dcops.core.clock import monotonic, rfc3339, utc_now
from dcops.core.errors import Locked, UsageError
from dcops.runs.cancel import CancelToken

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 0.3  # holder_of takes the lock shared for an instant; that must not look like a holder


@dataclass(frozen=True)
class Holder:
    """Who holds or last held a lock; `since` is RFC 3339 UTC."""

    pid: int
    run: str
    actor: str
    verb: str
    since: str

    def __str__(self) -> str:
        return f"{self.actor} (pid {self.pid}, {self.verb}, run {self.run or 'none'}, since {self.since})"


@contextmanager
def hold(
    directory: Path,
    name: str,
    *,
    actor: str,
    verb: str,
    run: str = "",
    wait_seconds: float = 0.0,
    token: CancelToken | None = None,
) -> Iterator[Holder | None]:
    """Hold the lock `name` while inside; yield what a dead holder left behind, or None.

    Raises:
        Locked: somebody else holds it after `wait_seconds`; the message names the holder.
        Interrupted: the token was set while waiting.
        UsageError: the name is no plain file name.
    """
    path = _path(directory, name)
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, path, name, wait_seconds, token or CancelToken())
        left_behind = _read(path)
        _write(descriptor, Holder(os.getpid(), run, actor, verb, rfc3339(utc_now())))
        try:
            yield left_behind
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder_of(directory: Path, name: str) -> Holder | None:
    """Return who holds the lock now, None when it is free; changes nothing."""
    path = _path(directory, name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return _read(path) or Holder(0, "", "somebody", "", "")
    finally:
        os.close(descriptor)
    return None


def _path(directory: Path, name: str) -> Path:
    if not _NAME.match(name):
        raise UsageError(f'"{name}" is no lock name', hint="Use letters, digits, dot, dash and underscore.")
    return directory / f"{name}.lock"


def _acquire(descriptor: int, path: Path, name: str, wait_seconds: float, token: CancelToken) -> None:
    deadline = monotonic() + max(wait_seconds, _GRACE_SECONDS)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
        if monotonic() >= deadline:
            raise Locked(f"held by {_read(path) or 'somebody'}", where=f"lock {name}", hint="Wait until that is done.")
        token.wait(_POLL_SECONDS)
        token.raise_if_cancelled()


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode("utf-8"), 0)
    os.fsync(descriptor)

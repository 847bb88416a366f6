"""Which locks of a repository are dead, pure; and their removal through a port.

restic has no command that removes one lock. `restic unlock` removes every lock it takes for stale: older than 30
minutes, or of its own host with a process that is gone (internal/restic/lock.go; the same from 0.14 on). So it is
called only when everything it would remove is what we would remove. It asks for a process by sending it SIGHUP,
which kills a program that is not restic and has got the same id since; so such a lock, while young, stops it too.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dcops.backup.model import RepositoryLock
from dcops.core.errors import DcopsError, Locked
from dcops.core.units import format_duration
from dcops.core.words import Frozen

RESTIC_STALE_SECONDS = 1800.0
# restic judges a moment after us: what is this close to its limit counts as past it.
_MARGIN_SECONDS = 120.0
MINIMUM_AGE_SECONDS = RESTIC_STALE_SECONDS + _MARGIN_SECONDS


class Runs(StrEnum):
    """What the journals here know of backup runs on a host since a lock was made."""

    NONE = "none is running"
    RUNNING = "one is running"
    UNKNOWN = "unknown"


class Verdict(Frozen):
    """One lock, whether it is dead, and why."""

    lock: RepositoryLock
    is_dead: bool
    age_seconds: float
    reason: str
    is_pid_reused: bool = False

    def __str__(self) -> str:
        lock = self.lock
        kind = "exclusive lock" if lock.is_exclusive else "lock"
        return (
            f"{kind} {lock.id[:8]} of {lock.username}@{lock.hostname}, pid {lock.pid}, "
            f"since {lock.time:%Y-%m-%d %H:%M:%S} UTC: {self.reason}"
        )


def judge_lock(
    lock: RepositoryLock, *, host: str, now: datetime, program: str | None, runs: Runs, limit_seconds: float
) -> Verdict:
    """Say whether a lock is dead: of this host with its process gone, or old with no run on its host.

    Args:
        host: this host's name; `program`: what runs here under the lock's pid, None when nothing does.
        runs: what is known of runs on the lock's host.
        limit_seconds: age from which a lock counts as old; restic renews its locks every five minutes.
    """
    age = (now - lock.time).total_seconds()
    is_here = lock.hostname == host

    def verdict(is_dead: bool, reason: str) -> Verdict:
        is_reused = is_here and program is not None and not program.startswith("restic")
        return Verdict(lock=lock, is_dead=is_dead, age_seconds=age, reason=reason, is_pid_reused=is_reused)

    if is_here and program is None:
        return verdict(True, "its process is gone")
    if is_here and program is not None and program.startswith("restic"):
        return verdict(False, "its process lives")
    if age <= limit_seconds:
        other = f"its pid is {program} now, and" if is_here else f"{lock.hostname} is another host, and"
        return verdict(False, f"{other} it is younger than {format_duration(limit_seconds)}")
    if runs is not Runs.NONE:
        return verdict(False, f"{format_duration(age)} old, but whether a run on {lock.hostname} lives: {runs.value}")
    return verdict(True, f"{format_duration(age)} old, and no run on {lock.hostname} is open in its journal")


def runs_of_host(events: Iterable[tuple[datetime, str, str, str]], lock_time: datetime) -> Runs:
    """Give what a host's journal says of its backup runs.

    Args:
        events: (time, kind, run id, verb) of the host's `run.*` records, oldest first.
        lock_time: a journal that ends before it knows nothing of the run that made the lock.
    """
    last: datetime | None = None
    open_run = ""
    for at, kind, run, verb in events:
        last = at
        # One run at a time holds a repository on a host, so a later start tells that the one before has ended.
        if kind == "run.started" and verb.startswith("backup"):
            open_run = run
        elif kind != "run.started" and run == open_run:
            open_run = ""
    if last is None or last <= lock_time:
        return Runs.UNKNOWN
    return Runs.RUNNING if open_run else Runs.NONE


def dead_locks(verdicts: Sequence[Verdict], where: str) -> tuple[Verdict, ...]:
    """Give the locks to remove, none when there is no lock at all.

    Raises Locked (exit 11) when all are held, or when restic would remove a held one together with the dead.
    """
    dead = tuple(each for each in verdicts if each.is_dead)
    held = [each for each in verdicts if not each.is_dead]
    if held and not dead:
        hint = "Wait for its end, or end it on its host. A lock that lives is never removed."
        raise Locked("; ".join(map(str, held)), where=where, hint=hint)
    together = [
        each for each in held if each.age_seconds > RESTIC_STALE_SECONDS - _MARGIN_SECONDS or each.is_pid_reused
    ]
    if together:
        hint = "restic would act on it together with the dead; decide about it first. Nothing was removed."
        raise Locked("; ".join(map(str, together)), where=where, hint=hint)
    return dead


class LockKeeper(Protocol):
    """The locks of a repository."""

    @property
    def where(self) -> str:
        """Address for messages."""

    def locks(self) -> list[RepositoryLock]:
        """Give all locks, oldest first, without making one."""

    def unlock(self) -> None:
        """Remove the locks that restic takes for stale."""


def remove_dead(
    keeper: LockKeeper, judge: Callable[[RepositoryLock], Verdict], record: Callable[[Verdict], None]
) -> tuple[Verdict, ...]:
    """Remove the dead locks, look whether they are gone, record each; give the verdict on every lock found.

    Raises Locked as `dead_locks` does, and DcopsError when a dead lock is still there afterwards.
    """
    verdicts = tuple(judge(lock) for lock in keeper.locks())
    dead = dead_locks(verdicts, keeper.where)
    if not dead:
        return verdicts
    keeper.unlock()
    left = {lock.id for lock in keeper.locks()}
    for each in dead:
        if each.lock.id not in left:
            record(each)
    stayed = [each for each in dead if each.lock.id in left]
    if stayed:
        message = f"restic did not remove {len(stayed)} of {len(dead)} locks: {'; '.join(map(str, stayed))}"
        raise DcopsError(message, where=keeper.where, hint="Compare the clock of this host with the backup server's.")
    return verdicts

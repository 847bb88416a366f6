"""Judges the locks of a repository by what this host and the journals here know, and removes the dead ones."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dcops.backup.model import RepositoryLock
from dcops.backup.unlock import Runs, Verdict, judge_lock, remove_dead, runs_of_host
from dcops.core.clock import parse_rfc3339, rfc3339, utc_now
from dcops.core.errors import DcopsError
from dcops.core.files import read_text
from dcops.records.kinds.backup import BackupUnlock
from dcops.records.model import Record
from dcops.runs.model import RunStatus
from dcops.runs.run import Run, list_runs
from dcops.wiring.backup import Backup
from dcops.wiring.received import received_journals

_KINDS = ("run.started", "run.finished", "run.refused")


def judge(backup: Backup, lock: RepositoryLock, limit_seconds: float, own_run: str = "") -> Verdict:
    """Judge one lock; `own_run` is the run that asks, which counts as none."""
    host = os.uname().nodename
    runs = _runs_here(backup, own_run) if lock.hostname == host else _runs_there(backup, lock.hostname, lock.time)
    program = program_of(lock.pid) if lock.hostname == host else None
    return judge_lock(lock, host=host, now=utc_now(), program=program, runs=runs, limit_seconds=limit_seconds)


def unlock(backup: Backup, limit_seconds: float, run: Run) -> tuple[Verdict, ...]:
    """Remove the dead locks of the repository, each with a record `backup.unlock`; give the verdict on every lock."""
    identity = backup.repository.identity()

    def record(verdict: Verdict) -> None:
        lock = verdict.lock
        payload = BackupUnlock(
            repository=backup.policy.repository.name,
            repository_id=identity,
            lock_id=lock.id,
            hostname=lock.hostname,
            username=lock.username,
            pid=lock.pid,
            is_exclusive=lock.is_exclusive,
            locked_at=rfc3339(lock.time),
            age_seconds=round(verdict.age_seconds, 3),
            reason=verdict.reason,
        )
        backup.journal.append(payload.kind, payload.model_dump(mode="json"), run=run.run_id)

    return remove_dead(backup.repository, lambda lock: judge(backup, lock, limit_seconds, run.run_id), record)


def program_of(pid: int, proc: Path = Path("/proc")) -> str | None:
    """Give the name of the program that runs here under a process id, None when none does or it is a zombie."""
    try:
        status = read_text(proc / str(pid) / "status")
    except DcopsError:
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return None if fields.get("State", "").startswith("Z") else fields.get("Name", "a program")


def _runs_here(backup: Backup, own_run: str) -> Runs:
    living = (
        each
        for each in list_runs(backup.settings.state)
        if each.status is RunStatus.RUNNING and each.run != own_run and each.verb.startswith("backup")
    )
    return Runs.RUNNING if any(living) else Runs.NONE


def _runs_there(backup: Backup, host: str, lock_time: datetime) -> Runs:
    """Give what the verified journals that were handed over say of the runs of `host`, which each start names."""
    for received in received_journals(backup.settings, backup.inventory):
        events = list(_events(received.records))
        starts = (each for each in received.records if each.envelope.kind == "run.started")
        if any(each.payload["host"] == host for each in starts):
            return runs_of_host(events, lock_time)
    return Runs.UNKNOWN


def _events(records: tuple[Record, ...]) -> Iterator[tuple[datetime, str, str, str]]:
    for record in records:
        envelope = record.envelope
        if envelope.kind in _KINDS:
            yield parse_rfc3339(envelope.at), envelope.kind, envelope.run or "", str(record.payload["verb"])

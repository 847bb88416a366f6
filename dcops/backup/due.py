"""Which backups are due and whether the schedule can keep the recovery point objective, pure."""

from collections.abc import Sequence
from datetime import datetime

from dcops.backup.model import BackupPolicy, WalArchive
from dcops.core.units import format_duration
from dcops.core.words import Frozen, Status
from dcops.records.kinds.backup import Receipt
from dcops.records.kinds.backup_wal import WalReceipt

_MEASURED_RUNS = 7


class Exposure(Frozen):
    """What the schedule can lose at worst, against the recovery point objective.

    Attributes:
        worst_seconds: interval plus the longest of the last seven good runs: a fault just before a run ends takes
            everything since the snapshot of the run before. None when there is no schedule.
    """

    status: Status
    worst_seconds: float | None
    rpo_seconds: float | None
    reason: str


class Due(Frozen):
    """What would run for one application, and why or why not."""

    application: str
    sources: tuple[str, ...]
    repository: str
    every_seconds: float | None
    last_success: datetime | None
    is_due: bool
    reason: str
    exposure: Exposure


def plan_due(
    policy: BackupPolicy,
    receipts: Sequence[Receipt],
    rpo_seconds: float | None,
    now: datetime,
    wal: WalReceipt | None = None,
) -> Due:
    """Say whether a backup is due.

    Args:
        receipts: of the application, from every journal known here, in any order; failures are passed over.
        rpo_seconds: the objective of the inventory, None when nobody set one.
        wal: the newest record of the application's WAL archive, None without one.
    """
    good = sorted((each for each in receipts if each.status == "done"), key=lambda each: each.started_at)
    last = good[-1] if good else None
    is_due, reason = _judge(policy, last, now)
    database, files = policy.database, policy.files
    sources = [f"{database.kind} {database.database} at {database.device}"]
    sources += [f"{files.device}:{files.path}"] if files else []
    return Due(
        application=policy.application,
        sources=tuple(sources),
        repository=policy.repository.name,
        every_seconds=policy.schedule.every if policy.schedule else None,
        last_success=last.finished_at if last else None,
        is_due=is_due,
        reason=reason,
        exposure=covered(policy, exposure(policy, good, rpo_seconds), wal, now),
    )


def _judge(policy: BackupPolicy, last: Receipt | None, now: datetime) -> tuple[bool, str]:
    if policy.schedule is None:
        return False, "the policy has no schedule"
    every = policy.schedule.every
    if last is None:
        return True, "no good backup in any journal here"
    # From start to start, so that the time a run takes does not move the schedule.
    age = (now - last.started_at).total_seconds()
    if age < 0:
        return True, f"the last receipt is {format_duration(-age)} in the future, so it proves nothing"
    if age >= every:
        return True, f"last begun {format_duration(age)} ago, every {format_duration(every)}"
    return False, f"last begun {format_duration(age)} ago, next in {format_duration(every - age)}"


def exposure(policy: BackupPolicy, good: Sequence[Receipt], rpo_seconds: float | None) -> Exposure:
    """Judge interval plus measured duration against the objective; what is not known is unknown, never pass.

    `good`: receipts of complete runs, oldest first.
    """
    every = policy.schedule.every if policy.schedule else None
    measured = max((each.duration_seconds for each in good[-_MEASURED_RUNS:]), default=None)
    worst = None if every is None else every + (measured or 0.0)

    def judged(status: Status, reason: str) -> Exposure:
        return Exposure(status=status, worst_seconds=worst, rpo_seconds=rpo_seconds, reason=reason)

    if rpo_seconds is None:
        return judged(Status.UNKNOWN, "the inventory sets no recovery point objective")
    if worst is None or every is None:
        return judged(Status.UNKNOWN, "the policy has no schedule")
    parts = f"every {format_duration(every)}" + (f" + {format_duration(measured)} measured" if measured else "")
    limit = format_duration(rpo_seconds)
    if worst > rpo_seconds:
        return judged(Status.FAIL, f"{parts} is more than the objective of {limit}")
    if measured is None:
        return judged(Status.UNKNOWN, f"{parts} fits {limit}, but no run was measured yet")
    return judged(Status.PASS, f"{parts} fits the objective of {limit}")


def covered(policy: BackupPolicy, found: Exposure, wal: WalReceipt | None, now: datetime) -> Exposure:
    """Let WAL archiving keep an objective that the schedule does not, as far as a fresh record shows that it works.

    It covers the database alone: files come back as of the last backup. What no record shows is unknown.
    """
    if policy.wal is None or found.rpo_seconds is None or found.status is Status.PASS:
        return found
    if policy.files is not None:
        return found.model_copy(update={"reason": f"{found.reason}; WAL archiving does not cover the files"})
    status, reason = _archive_keeps(policy.wal, found.rpo_seconds, wal, now)
    update: dict[str, object] = {"status": status, "reason": reason}
    if status is Status.PASS and wal is not None:
        update["worst_seconds"] = wal.exposure_seconds
    return found.model_copy(update=update)


def _archive_keeps(
    archive: WalArchive, rpo_seconds: float, wal: WalReceipt | None, now: datetime
) -> tuple[Status, str]:
    """Judge the newest record of a WAL archive against an objective."""
    if wal is None:
        return Status.UNKNOWN, "WAL archiving is to keep it, and no record shows that it works: dcops backup wal"
    age, limit = (now - wal.seen_at).total_seconds(), format_duration(rpo_seconds)
    if age < 0 or age > archive.max_check_age:
        return Status.UNKNOWN, f"the WAL archive was last looked at {format_duration(abs(age))} ago: dcops backup wal"
    if wal.status == "fail":
        return Status.FAIL, f"WAL archiving does not work: {wal.reason}"
    if wal.exposure_seconds is None:
        return Status.UNKNOWN, "nothing bounds what is not archived yet"
    worst = format_duration(wal.exposure_seconds)
    if wal.exposure_seconds > rpo_seconds:
        return Status.FAIL, f"WAL archiving may lose {worst}, more than the objective of {limit}"
    return Status.PASS, f"WAL archiving loses at most {worst}, which fits the objective of {limit}"

"""Finds the snapshots that nobody vouches for, pure: forged, unknown, of the future, or of another time than told."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from dcops.backup.model import Snapshot
from dcops.backup.vouchers import VouchedSnapshot, Voucher, Vouchers
from dcops.core.units import format_duration
from dcops.core.words import Frozen

TOLERANCE = timedelta(minutes=10)
# Clocks of servers that keep time differ by less; what is dated later was dated by somebody.
_FUTURE = timedelta(minutes=1)
# A run that was killed may have been at work for so long before it stored something, and one that lives still is.
LONGEST_RUN = timedelta(hours=24)


class DoubtKind(StrEnum):
    """Why a snapshot is not believed."""

    FORGED = "forged"
    UNKNOWN = "unknown"
    FUTURE = "future"
    TIME = "time"


class Known(Frozen):
    """What the journals here say.

    Attributes:
        vouchers: of every run that stored something, good or bad.
        started: run -> begin, of every backup run; one without a voucher was killed, or is at work.
        verified: (application, run) whose data came back from this very repository and was equal.
        until: when the journals were fetched, the oldest of them; they are silent about anything later.
    """

    vouchers: tuple[Voucher, ...] = ()
    started: Mapping[str, datetime] = {}
    verified: frozenset[tuple[str, str]] = frozenset()
    until: datetime


class Doubt(Frozen):
    """One snapshot that is not believed, and why."""

    snapshot: str
    time: datetime
    hostname: str
    kind: DoubtKind
    reason: str

    def __str__(self) -> str:
        return f"{self.snapshot[:8]} of {self.time:%Y-%m-%d %H:%M:%S} UTC from {self.hostname}: {self.reason}"


def doubts_of(
    snapshots: Iterable[Snapshot], known: Known, vouchers: Vouchers, applications: frozenset[str], now: datetime
) -> tuple[Doubt, ...]:
    """Give a doubt for each snapshot that is not believed, oldest first.

    `vouchers`: those of `known`; `applications`: those that may store here.
    """
    found = []
    for snapshot in snapshots:
        judged = _judge(snapshot, known, vouchers, applications, now)
        if judged is not None:
            kind, reason = judged
            doubt = Doubt(
                snapshot=snapshot.id, time=snapshot.time, hostname=snapshot.hostname, kind=kind, reason=reason
            )
            found.append(doubt)
    return tuple(sorted(found, key=lambda each: (each.time, each.snapshot)))


def _judge(
    snapshot: Snapshot, known: Known, vouchers: Vouchers, applications: frozenset[str], now: datetime
) -> tuple[DoubtKind, str] | None:
    application, run = snapshot.tag("app"), snapshot.tag("run")
    if snapshot.time > now + _FUTURE:
        ahead = format_duration((snapshot.time - now).total_seconds())
        return DoubtKind.FUTURE, f"it is dated {ahead} in the future"
    if not application or not run:
        return DoubtKind.UNKNOWN, "it has no tags of dcops"
    if application not in applications:
        return DoubtKind.UNKNOWN, f'no policy lets "{application}" store here'
    naming = vouchers.naming(snapshot)
    if not naming:
        return _judge_unvouched(snapshot, run, known, vouchers)
    return next((doubt for named, voucher in naming if (doubt := _compare(snapshot, named, voucher, now))), None)


def _judge_unvouched(snapshot: Snapshot, run: str, known: Known, vouchers: Vouchers) -> tuple[DoubtKind, str] | None:
    """Believe what a run at work stored, or a killed or failed one left: its begin is recorded, and no good receipt."""
    if any(each.is_complete for each in vouchers.of_run(run)):
        return DoubtKind.FORGED, "the receipt of its run names other snapshots"
    begun = known.started.get(run)
    if begun is None and snapshot.time > known.until - _FUTURE:
        return None  # newer than what the journals here can tell; the next time they will
    if begun is None:
        return DoubtKind.FORGED, "no receipt names it, and no run of that id is known"
    if not begun - TOLERANCE <= snapshot.time <= begun + LONGEST_RUN:
        return DoubtKind.TIME, f"its run has no receipt and began at {begun:%Y-%m-%d %H:%M:%S} UTC"
    return None


def _compare(
    snapshot: Snapshot, named: VouchedSnapshot, voucher: Voucher, now: datetime
) -> tuple[DoubtKind, str] | None:
    """Hold a snapshot against the receipt that names it."""
    if (snapshot.tag("app"), snapshot.tag("run")) != (voucher.application, voucher.run):
        return DoubtKind.FORGED, f"its tags are not those of its receipt {voucher.shown_by}"
    if named.tree and named.tree != snapshot.tree:
        return DoubtKind.FORGED, f"it holds another tree than its receipt {voucher.shown_by} says"
    if voucher.finished_at > now + _FUTURE:
        return DoubtKind.FUTURE, f"its receipt {voucher.shown_by} tells of a time in the future"
    off = max(voucher.started_at - snapshot.time, snapshot.time - voucher.finished_at)
    if off > TOLERANCE:
        return DoubtKind.TIME, f"its time is {format_duration(off.total_seconds())} off its receipt {voucher.shown_by}"
    late = voucher.recorded_at - voucher.finished_at
    if abs(late) > TOLERANCE:
        reason = f"its receipt {voucher.shown_by} was written {format_duration(late.total_seconds())} after the run"
        return DoubtKind.TIME, reason
    return None

"""Which applications are due for a drill, by what was executed where it counts. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from dcops.core.units import format_duration
from dcops.core.words import Environment, Frozen, Status
from dcops.records.kinds.drills import DrillResult

# A restore drill shows that a copy comes back, and a tabletop that people know; neither recovers a service.
_RECOVERS_NOTHING = ("restore", "tabletop")


class Asked(Frozen):
    """How old the newest drill of an application may be, seconds; None where nobody set it."""

    criticality: str | None
    warning_seconds: float | None = None
    critical_seconds: float | None = None


class Due(Frozen):
    """How an application stands.

    Attributes:
        status: fail when overdue or never drilled, warn when due, unknown where nobody said how often.
        last: end of the newest drill that counts; `drill`: its name; `due_at`: when the next one is overdue.
        rehearsed: end of the newest drill that passed in a twin or scratch place, which never counts.
    """

    application: str
    criticality: str | None
    status: Status
    last: datetime | None
    drill: str
    due_at: datetime | None
    rehearsed: datetime | None
    reason: str


def counts(result: DrillResult) -> bool:
    """Whether a result shows that a service was recovered where it counts: at the recovery site or in production."""
    is_real = not Environment(result.environment).is_rehearsal
    return is_real and _is_recovery(result)


def _is_recovery(result: DrillResult) -> bool:
    return result.verdict == "PASS" and result.executed is True and result.drill_type not in _RECOVERS_NOTHING


def judge_due(
    application: str, asked: Asked, results: Iterable[tuple[datetime, DrillResult]], now: datetime
) -> Due | None:
    """Judge one application by its results, each with the time of its record; None when no drill is asked for.

    A result dated in the future is passed over: it would hide an overdue drill for as long as somebody likes.
    """
    if asked.criticality is not None and asked.criticality != "critical":
        return None
    past = [(at, result) for at, result in results if result.app == application and at <= now]
    counted = max(((at, r.drill) for at, r in past if counts(r)), default=(None, ""))
    rehearsed = max((at for at, r in past if _is_recovery(r) and not counts(r)), default=None)
    last, drill = counted
    limit = asked.critical_seconds
    status, reason = _judge(asked, last, rehearsed, now)
    return Due(
        application=application,
        criticality=asked.criticality,
        status=status,
        last=last,
        drill=drill,
        due_at=last + timedelta(seconds=limit) if last and limit is not None else None,
        rehearsed=rehearsed,
        reason=reason,
    )


def _judge(asked: Asked, last: datetime | None, rehearsed: datetime | None, now: datetime) -> tuple[Status, str]:
    if asked.criticality is None:
        return Status.UNKNOWN, "nobody said how critical it is"
    if asked.critical_seconds is None:
        return Status.UNKNOWN, "the policy sets no age of a drill"
    if last is None:
        return Status.FAIL, "never drilled where it counts" + ("; only rehearsed" if rehearsed else "")
    age, limit = (now - last).total_seconds(), asked.critical_seconds
    text = f"drilled {format_duration(age)} ago, at most {format_duration(limit)}"
    if age > limit:
        return Status.FAIL, f"overdue: {text}"
    if asked.warning_seconds is not None and age > asked.warning_seconds:
        return Status.WARN, f"due: {text}"
    return Status.PASS, text

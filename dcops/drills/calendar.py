"""When each drill is due next, by what was done where it counts, the policy's ages and the calendar's windows. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from dcops.core.units import format_duration
from dcops.core.words import Environment, Frozen, Status, Text
from dcops.drills.model import TABLETOP, Drill
from dcops.records.kinds.drills import DrillResult

Opening = Callable[[datetime], tuple[datetime, datetime] | None]
_LONGEST = 400  # occurrences of one drill in a year: more is a policy nobody means


class Ages(Frozen):
    """How old a drill's newest result may be, seconds: from `due_seconds` on it is due, from `overdue_seconds` late."""

    due_seconds: float | None = None
    overdue_seconds: float | None = None
    is_adopted: bool = False


class Planned(Frozen):
    """One drill to be held.

    Attributes:
        number: which of its year, those held counted; with the year it names the event, so a later export moves it.
        last: end of the newest result that counts; None when there is none.
        due_at, overdue_at: when it is due, and overdue; None where the policy says no age.
        begin, end: the window it is planned for; None when the calendar has no window for drills.
    """

    drill: str
    drill_type: str
    app: str
    title: Text
    site: str
    runbook: str
    number: int = 1
    last: datetime | None = None
    due_at: datetime | None = None
    overdue_at: datetime | None = None
    begin: datetime | None = None
    end: datetime | None = None
    status: Status
    reason: str
    is_adopted: bool = False


def held(drill: Drill, results: Iterable[tuple[datetime, DrillResult]], where: Environment) -> list[datetime]:
    """Give when a drill was held well, in order: passed and executed, except for a tabletop, which only passes.

    In a rehearsing inventory those of its own environment count; elsewhere no rehearsal does.
    """
    return sorted(
        at
        for at, result in results
        if result.drill == drill.name
        and result.verdict == "PASS"
        and (result.executed is True or result.drill_type == TABLETOP)
        and _counts(Environment(result.environment), where)
    )


def _counts(made_in: Environment, where: Environment) -> bool:
    return made_in is where if where.is_rehearsal else not made_in.is_rehearsal


def apart(opening: Opening, taken: set[datetime]) -> Opening:
    """Give the same openings, each given out once: one drill at a time. `taken` grows with what is given out."""

    def next_free(after: datetime) -> tuple[datetime, datetime] | None:
        while True:
            found = opening(after)
            if found is None or found[0] not in taken:
                break
            after = found[0] + timedelta(seconds=1)
        if found is not None:
            taken.add(found[0])
        return found

    return next_free


def plan_drill(
    drill: Drill, ages: Ages, done: Sequence[datetime], opening: Opening, now: datetime, year: int | None = None
) -> list[Planned]:
    """Give the next time a drill is to be held, or with `year` each time in that year.

    Args:
        done: when it was held, in order; a time in the future is passed over.
        opening: the first window for drills that begins at a moment or later.
    """
    past = [at for at in done if at <= now]
    last = past[-1] if past else None
    if ages.due_seconds is None:
        return [_planned(drill, ages, last, Status.UNKNOWN, "the policy sets no age of such a drill")]
    due = now if last is None else last + timedelta(seconds=ages.due_seconds)
    found = []
    for index in range(1 if year is None else _LONGEST):
        window = opening(max(due, now))
        if window is None:
            return [_planned(drill, ages, last, Status.UNKNOWN, "the calendar has no window for drills", due_at=due)]
        begin, end = window
        if year is not None and begin.year > year:
            break
        status, reason = _judge(ages, last, now) if index == 0 else (Status.UNKNOWN, "if the one before is held")
        found.append(_planned(drill, ages, last, status, reason, due_at=due, begin=begin, end=_end(drill, begin, end)))
        due = begin + timedelta(seconds=ages.due_seconds)
    counted = found if year is None else [each for each in found if each.begin and each.begin.year == year]
    return [_numbered(each, past, index) for index, each in enumerate(counted)]


def _numbered(planned: Planned, past: Sequence[datetime], index: int) -> Planned:
    """Give it its number in its year: after those held and those planned before it in that year."""
    assert planned.begin is not None
    year = planned.begin.year
    before = sum(at.astimezone(planned.begin.tzinfo).year == year for at in past)
    return planned.model_copy(update={"number": before + index + 1})


def _end(drill: Drill, begin: datetime, end: datetime) -> datetime:
    """Give when it is over at the latest: its own window's length, inside the calendar's."""
    window = drill.spec.window
    return min(end, begin + timedelta(seconds=window.max_duration)) if window else end


def _judge(ages: Ages, last: datetime | None, now: datetime) -> tuple[Status, str]:
    if last is None:
        return Status.FAIL, "never held where it counts"
    age = (now - last).total_seconds()
    text = f"held {format_duration(age)} ago"
    if ages.overdue_seconds is not None and age > ages.overdue_seconds:
        return Status.FAIL, f"overdue: {text}, at most {format_duration(ages.overdue_seconds)}"
    if ages.due_seconds is not None and age > ages.due_seconds:
        return Status.WARN, f"due: {text}, again after {format_duration(ages.due_seconds)}"
    return Status.PASS, text


def _planned(
    drill: Drill, ages: Ages, last: datetime | None, status: Status, reason: str, *, due_at: datetime | None = None,
    begin: datetime | None = None, end: datetime | None = None,
) -> Planned:  # fmt: skip
    scope, limit = drill.spec.scope, ages.overdue_seconds
    return Planned(
        drill=drill.name,
        drill_type=drill.spec.type,
        app=scope.app,
        title=drill.metadata.title,
        site=scope.run_at,
        runbook=drill.metadata.runbook,
        last=last,
        due_at=due_at,
        overdue_at=last + timedelta(seconds=limit) if last and limit is not None else None,
        begin=begin,
        end=end,
        status=status,
        reason=reason,
        is_adopted=ages.is_adopted,
    )

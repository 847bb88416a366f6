"""Figures from marks, ledger and facts; pure arithmetic, so each can be recomputed from the run's events."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from dcops.core.words import Frozen
from dcops.drills.model import (
    Attempt,
    Figures,
    Mark,
    MarkName,
    Recovered,
    Step,
    StepResult,
    StepState,
    Target,
)


class Outage(Frozen):
    """The outage as the outside observer lived it.

    Attributes:
        first_failure: when the first client that got no acknowledgement began to wait.
        again: when the first later client got one; `site_again`: where.
        rto_seconds: from the fault to `again`; `gap_seconds`: from `first_failure` to `again`.
        failed: attempts without acknowledgement.
    """

    first_failure: float | None
    again: float | None
    site_again: str | None
    rto_seconds: float | None
    gap_seconds: float | None
    failed: int


def outage(attempts: Sequence[Attempt], fault: datetime, *, at_site: str | None = None) -> Outage:
    """Give the first outage that touches the time after `fault`; all None while nothing failed.

    An attempt in flight at the fault may have begun before it, so failures are counted by when they ended. With
    `at_site` only an acknowledgement from there ends it.
    """
    after = [attempt for attempt in attempts if attempt.at >= fault]
    failures = sorted((attempt for attempt in after if not attempt.is_acknowledged), key=lambda each: each.began)
    if not failures:
        return Outage(first_failure=None, again=None, site_again=None, rto_seconds=None, gap_seconds=None, failed=0)
    first = failures[0].began
    later = (
        attempt
        for attempt in sorted(after, key=lambda each: each.at)
        if attempt.is_acknowledged and attempt.began > first and at_site in (None, attempt.site)
    )
    again = next(later, None)
    end = again.at.timestamp() if again else None
    return Outage(
        first_failure=first,
        again=end,
        site_again=again.site if again else None,
        rto_seconds=None if end is None else round(end - fault.timestamp(), 3),
        gap_seconds=None if end is None else round(end - first, 3),
        failed=len(failures),
    )


def longest_gap(attempts: Sequence[Attempt], since: datetime) -> tuple[float, int, bool]:
    """Give (seconds, attempts that failed, whether it goes on): the longest time without service, as clients waited.

    A gap goes from when a client that got no acknowledgement began to wait to the first acknowledgement given to a
    later client.
    """
    start: float | None = None
    longest, failed = 0.0, 0
    for attempt in sorted((each for each in attempts if each.at >= since), key=lambda each: each.began):
        if not attempt.is_acknowledged:
            failed += 1
            start = attempt.began if start is None else start
        elif start is not None:
            longest, start = max(longest, attempt.at.timestamp() - start), None
    return round(longest, 3), failed, start is not None


def lost_letters(attempts: Sequence[Attempt], recovered: Collection[str]) -> tuple[str, ...]:
    """Give the ids that were acknowledged and are not in the recovered database, in the order acknowledged."""
    known = set(recovered)
    return tuple(attempt.id for attempt in attempts if attempt.is_acknowledged and attempt.id not in known)


def at(moment: datetime, reference: Mark) -> Mark:
    """Give a UTC moment as a mark, its monotonic time reckoned from a reference close by."""
    return Mark(utc=moment, monotonic=reference.monotonic + (moment - reference.utc).total_seconds())


def moment_of(result: StepResult) -> Mark | None:
    """Give when a step's effect was there: as it says itself, else its end; None while it has none."""
    said = result.facts.get("effect_at")
    return at(datetime.fromisoformat(str(said)), result.ended) if said and result.ended else result.ended


def recovered(
    steps: Sequence[Step],
    results: Sequence[StepResult],
    marks: Mapping[MarkName, Mark],
    targets: Mapping[str, Target],
) -> tuple[Recovered, ...]:
    """Give when each application of `targets` served again: when the last of its steps marked t_service had its effect.

    Seconds are None where a step did not end well, or the application has no such step.
    """
    fault, found = marks.get(MarkName.FAULT), []
    good = {each.id: moment_of(each) for each in results if each.state is StepState.OK}
    for app, target in targets.items():
        wanted = [step.id for step in steps if step.app == app and step.mark is MarkName.SERVICE]
        moments = [moment.monotonic for name in wanted if (moment := good.get(name)) is not None]
        is_whole = fault is not None and bool(wanted) and len(moments) == len(wanted)
        seconds = round(max(moments) - fault.monotonic, 3) if fault is not None and is_whole else None
        found.append(Recovered(app=app, rto_service_seconds=seconds, target=target))
    return tuple(found)


def between(marks: Mapping[MarkName, Mark], first: MarkName, last: MarkName) -> float | None:
    """Give the seconds between two marks by the monotonic clock; None when one is missing."""
    if first not in marks or last not in marks:
        return None
    return round(marks[last].monotonic - marks[first].monotonic, 3)


def figures(marks: Mapping[MarkName, Mark], facts: Mapping[str, Any], total_bytes: int | None) -> Figures:
    """Give what the drill measured.

    Args:
        facts: newest_recovered (RFC 3339), lost_acknowledged, restore_seconds, observer_* as the verify steps found.
        total_bytes: restored from the off-site copy; None when nothing was.
    """
    newest, fault = facts.get("newest_recovered"), marks.get(MarkName.FAULT)
    rpo = None
    if newest and fault:
        rpo = round(max(0.0, (fault.utc - datetime.fromisoformat(str(newest))).total_seconds()), 3)
    seconds = between(marks, MarkName.START, MarkName.DATA)
    restored = total_bytes if MarkName.DATA in marks else None
    return Figures(
        rto_service_seconds=between(marks, MarkName.FAULT, MarkName.SERVICE),
        rto_verified_seconds=between(marks, MarkName.FAULT, MarkName.VERIFIED),
        rpo_seconds=rpo,
        lost_acknowledged=facts.get("lost_acknowledged"),
        restored_bytes=restored,
        restore_bytes_per_second=round(restored / seconds, 1) if restored and seconds else None,
        observer_rto_seconds=facts.get("observer_rto_seconds"),
        observer_gap_seconds=facts.get("observer_gap_seconds"),
        observer_lost_acknowledged=facts.get("observer_lost_acknowledged"),
    )

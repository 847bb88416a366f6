"""The use case: run or check one playbook, count what happens as it happens, conclude."""

from collections.abc import Callable, Mapping
from typing import Any

from dcops.core.errors import Refused
from dcops.inventory.pattern import Universe, select
from dcops.provision.model import Conclusion, Event, Job
from dcops.provision.parse import parse_event
from dcops.provision.plan import Tally, conclude
from dcops.provision.ports import Cancelled, PlaybookChecker, PlaybookWriter

OnEvent = Callable[[Event], None]


def run_playbook(
    job: Job,
    universe: Universe,
    checker: PlaybookChecker,
    writer: PlaybookWriter | None,
    on_event: OnEvent,
    cancelled: Cancelled,
) -> Conclusion:
    """Run `job` (check it, when it says so) and judge it by its events.

    `on_event` is called for each event in order. Raises Refused when the job would write and there is no writer.
    """
    tally = Tally()

    def receive(raw: Mapping[str, Any]) -> None:
        event = parse_event(raw)
        if event is not None:
            tally.add(event)
            on_event(event)

    if job.is_check:
        ended = checker.check(job, receive, cancelled)
    elif writer is None:
        raise Refused("a chosen host is in observe mode, so nothing is written", hint="Look with --check instead.")
    else:
        ended = writer.apply(job, receive, cancelled)
    return conclude(tally, expected_hosts(tally.patterns, job.limit, universe), ended, is_check=job.is_check)


def expected_hosts(patterns: list[str], limit: str | None, universe: Universe) -> tuple[str, ...]:
    """Give the hosts that plays of these patterns choose within the limit, in inventory order."""
    chosen = {host for pattern in patterns for host in select(pattern, universe)}
    allowed = set(select(limit, universe)) if limit else chosen
    return tuple(host for host in universe.hosts if host in chosen & allowed)

"""What the independent observer at the national side saw, from its own ledger."""

from datetime import timedelta

from dcops.core.clock import monotonic, utc_now
from dcops.core.units import Seconds
from dcops.core.words import Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.measure import longest_gap, outage
from dcops.drills.model import Finding, MarkName
from dr_drills.parameters import Within
from dr_drills.probes.naskah import since_of


class Acknowledging(Frozen):
    """From which site, and how fresh the last acknowledgement must be."""

    site: str
    within: Seconds = 5.0


class Unbroken(Within):
    """How long an outside client may go without service, and how long to wait for the end of a gap."""

    at_most: Seconds


def _acknowledges(context: DrillContext, parameters: Acknowledging) -> Finding:
    """The last answers the observer got are acknowledgements of that site, and fresh."""
    deadline = monotonic() + parameters.within
    while True:
        attempts = context.observer.attempts(utc_now() - timedelta(seconds=parameters.within))
        good = [attempt for attempt in attempts if attempt.is_acknowledged and attempt.site == parameters.site]
        if (good and attempts[-1].is_acknowledged) or monotonic() > deadline or context.token.is_cancelled:
            break
        context.token.wait(0.3)  # just after a move the first letter may still be on its way
    if not good or not attempts[-1].is_acknowledged:
        detail = f"no fresh acknowledgement from {parameters.site} among {len(attempts)} attempts"
        return Finding(is_ok=False, reason="not_acknowledged", detail=detail)
    return Finding(is_ok=True, detail=f"{len(good)} letters acknowledged at {parameters.site} just now")


def _unbroken(context: DrillContext, parameters: Unbroken) -> Finding:
    """Hold the longest time an outside client went without service since the fault against what is allowed."""
    fault = context.marks[MarkName.FAULT.value]
    deadline = monotonic() + parameters.within
    while True:
        attempts = context.observer.attempts(fault)
        gap, failed, is_open = longest_gap(attempts, fault)
        if (attempts and not is_open) or monotonic() > deadline or context.token.is_cancelled:
            break
        context.token.wait(0.3)
    if not attempts:
        return Finding(is_ok=None, reason="not_seen", detail="the observer made no attempt since the fault")
    slowest = round(max(each.latency_seconds for each in attempts), 3)
    facts = {"observer_gap_seconds": gap, "observer_failed_attempts": failed, "observer_slowest_seconds": slowest}
    detail = f"{len(attempts)} letters since the fault, {failed} not acknowledged, longest gap {gap:g} s"
    detail += f", slowest answer {slowest:.2f} s"
    if is_open or gap > parameters.at_most:
        return Finding(is_ok=False, reason="gap_too_long", detail=f"{detail}{' and going on' if is_open else ''}",
                       facts=facts)  # fmt: skip
    return Finding(is_ok=True, detail=detail, facts=facts)


def _agrees(context: DrillContext, parameters: Within) -> Finding:
    """Read the outage off the observer's ledger, waiting until it is over there too."""
    fault = context.marks[MarkName.FAULT.value]
    deadline = monotonic() + parameters.within
    while True:
        seen = outage(context.observer.attempts(fault - timedelta(seconds=5)), fault, at_site=context.scope.to_site)
        if seen.rto_seconds is not None or monotonic() > deadline or context.token.is_cancelled:
            break
        context.token.wait(0.3)
    facts = {"observer_rto_seconds": seen.rto_seconds, "observer_gap_seconds": seen.gap_seconds,
             "observer_failed_attempts": seen.failed}  # fmt: skip
    if seen.rto_seconds is None:
        return Finding(is_ok=None, reason="not_seen", detail="the observer saw no outage that ended", facts=facts)
    detail = (
        f"out for {seen.gap_seconds} s to a client, again {seen.rto_seconds} s after the fault, from {seen.site_again}"
    )
    return Finding(is_ok=True, detail=detail, facts=facts)


def _lost(context: DrillContext, parameters: Within) -> Finding:
    """Have the observer ask the service for every letter it holds acknowledged up to the recovery."""
    until = context.marks[MarkName.SERVICE.value]
    lost, unknown = context.observer.lost(since_of(context), until)
    if unknown:
        detail = f"{unknown} letters could not be asked for in {parameters.within:g} s"
        return Finding(is_ok=None, reason="unknown", detail=detail)
    return Finding(is_ok=True, detail=f"{lost} lost", facts={"observer_lost_acknowledged": lost})


def _nothing_lost(context: DrillContext, parameters: Within) -> Finding:
    """After the way home every letter ever acknowledged since the backup, at either site, must be there."""
    deadline = monotonic() + parameters.within
    while True:
        lost, unknown = context.observer.lost(since_of(context), utc_now())
        if not lost and not unknown:
            return Finding(is_ok=True, detail="every letter the observer holds acknowledged is there", at=utc_now())
        if monotonic() > deadline:
            detail = f"{lost} acknowledged letters are missing, {unknown} could not be asked for"
            return Finding(is_ok=False, reason="lost", detail=detail)
        context.token.wait(1.0)


UNBROKEN = Probe(
    "observer.unbroken", "No outside client went without service for long", Unbroken, _unbroken, timeout_seconds=180
)
ACKNOWLEDGES = Probe("observer.acknowledges", "The observer's letters are accepted", Acknowledging, _acknowledges)
AGREES = Probe("observer.agrees", "The outage as the observer saw it", Within, _agrees, timeout_seconds=180)
LOST = Probe("observer.lost", "What the observer cannot find again", Within, _lost, timeout_seconds=600)
NOTHING_LOST = Probe(
    "observer.nothing_lost", "Nothing acknowledged is missing after the way home", Within, _nothing_lost,
    timeout_seconds=600,
)  # fmt: skip

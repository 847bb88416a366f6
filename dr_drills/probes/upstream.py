"""Links to the national side, in the state that the registry and the API tell."""

from dcops.core.clock import monotonic, utc_now
from dcops.core.units import Seconds, format_duration
from dcops.core.words import Frozen, Status
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding, MarkName
from dr_drills.parameters import DeviceName

_POLL_SECONDS = 1.0


class State(Frozen):
    """Which upstream must be in which state, and how long to wait for it.

    `routers`: only the path through these, as if the link had no other session.
    """

    upstream: DeviceName
    state: Status
    routers: tuple[DeviceName, ...] = ()
    within: Seconds = 0.0


def _state(context: DrillContext, parameters: State) -> Finding:
    """Look until the link is in the wanted state; say how long after the fault that was."""
    deadline = monotonic() + parameters.within
    while True:
        seen = context.upstreams.state(parameters.upstream, parameters.routers)
        wanted = len(parameters.routers) or seen.sessions
        if seen.sessions != wanted:
            detail = f"{parameters.upstream} has {seen.sessions} sessions there, not {wanted}"
            return Finding(is_ok=False, reason="session_missing", detail=detail)
        if seen.state is parameters.state:
            return _good(context, parameters, seen.reason)
        if monotonic() >= deadline or context.token.is_cancelled:
            detail = f"{parameters.upstream} is {seen.state.value}, not {parameters.state.value}: {seen.reason}"
            return Finding(is_ok=False, reason="other_state", detail=detail)
        context.token.wait(_POLL_SECONDS)


def _good(context: DrillContext, parameters: State, reason: str) -> Finding:
    at, fault = utc_now(), context.marks.get(MarkName.FAULT.value)
    path = f" through {' and '.join(parameters.routers)}" if parameters.routers else ""
    detail = f"{parameters.upstream}{path} is {parameters.state.value}: {reason}"
    if fault is None:
        return Finding(is_ok=True, detail=detail, at=at)
    seconds = round((at - fault).total_seconds(), 3)
    detail += f"; {format_duration(seconds)} after the fault"
    return Finding(is_ok=True, detail=detail, facts={"state_seen_after_seconds": seconds}, at=at)


STATE = Probe("upstream.state", "An upstream link is in a state", State, _state, timeout_seconds=600)

"""Network devices: configured as kept, their BGP sessions, and whether anything gets through."""

from typing import Annotated

from pydantic import Field

from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import CommandError, TransportError
from dcops.core.units import Seconds
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.parameters import Device, DeviceName

_POLL_SECONDS = 1.0


class SessionsWithin(Device):
    """Which device, and how long to wait for its sessions."""

    within: Seconds = 0.0


class Neighbour(Device):
    """A session of `device` with `neighbour`, and how long to wait until it is lost."""

    neighbour: DeviceName
    within: Seconds = 60.0


class Path(Device):
    """From a device to an address or name, and how long to wait for an answer."""

    to: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
    within: Seconds = 0.0


def _as_kept(context: DrillContext, parameters: Device) -> Finding:
    """Hold the running configuration against the kept one, line by line."""
    kept = context.routers.kept(parameters.device)
    if not kept:
        detail = f"no configuration of {parameters.device} is kept here; back it up: dcops net backup"
        return Finding(is_ok=False, reason="not_kept", detail=detail)
    running = context.routers.running(parameters.device)
    missing, added = [line for line in kept if line not in running], [line for line in running if line not in kept]
    if missing or added or len(kept) != len(running):
        first = (missing or added or ["a line that stands twice"])[0].strip()
        detail = f"{parameters.device}: {len(missing)} kept lines missing, {len(added)} more than kept, first: {first}"
        return Finding(is_ok=False, reason="config_differs", detail=detail)
    return Finding(is_ok=True, detail=f"{parameters.device} runs the {len(kept)} lines that are kept of it")


def _sessions(context: DrillContext, parameters: SessionsWithin) -> Finding:
    """Wait until every session the inventory gives the device is established."""
    deadline = monotonic() + parameters.within
    while True:
        try:
            found = dict(context.routers.sessions(parameters.device))
        except TransportError as error:
            answer = Finding(is_ok=False, reason="no_answer", detail=error.message)
        else:
            answer = _judge(parameters.device, found)
        if answer.is_ok or monotonic() >= deadline or context.token.is_cancelled:
            return answer
        context.token.wait(_POLL_SECONDS)


def _judge(device: str, sessions: dict[str, bool]) -> Finding:
    down = sorted(name for name, is_up in sessions.items() if not is_up)
    if down or not sessions:
        detail = f"{device} has no session with {', '.join(down) or 'anybody'}"
        return Finding(is_ok=False, reason="session_missing", detail=detail)
    return Finding(is_ok=True, detail=f"{device}: {len(sessions)} sessions established", at=utc_now())


def _session_lost(context: DrillContext, parameters: Neighbour) -> Finding:
    """Wait until the device itself says that the session with its neighbour is down."""
    deadline = monotonic() + parameters.within
    while True:
        try:
            is_up = context.routers.sessions(parameters.device).get(parameters.neighbour)
        except TransportError:
            is_up = None
        if is_up is False:
            return Finding(is_ok=True, detail=f"{parameters.device} has lost {parameters.neighbour}", at=utc_now())
        if monotonic() >= deadline or context.token.is_cancelled:
            detail = f"{parameters.device} was never seen without {parameters.neighbour}"
            return Finding(is_ok=None, reason="no_effect", detail=detail)
        context.token.wait(_POLL_SECONDS)


def _path(context: DrillContext, parameters: Path) -> Finding:
    """Wait until the far end answers a ping."""
    deadline = monotonic() + parameters.within
    argv = ["ping", "-q", "-n", "-c", "2", "-i", "0.2", "-W", "1", parameters.to]
    while True:
        try:
            status = context.hosts.status(parameters.device, argv)
        except (TransportError, CommandError) as error:
            return Finding(is_ok=None, reason="not_asked", detail=f"{parameters.device}: {error.message}")
        if status == 0:
            return Finding(is_ok=True, detail=f"{parameters.to} answers {parameters.device}", at=utc_now())
        if monotonic() >= deadline or context.token.is_cancelled:
            detail = f"{parameters.to} does not answer {parameters.device}"
            return Finding(is_ok=False, reason="no_answer", detail=detail)
        context.token.wait(_POLL_SECONDS)


AS_KEPT = Probe("router.as_kept", "A device runs the configuration that is kept of it", Device, _as_kept)
SESSIONS = Probe(
    "router.sessions", "All BGP sessions of a device are established", SessionsWithin, _sessions, timeout_seconds=300
)
SESSION_LOST = Probe(
    "router.session_lost", "A device has lost its session with a neighbour", Neighbour, _session_lost,
    timeout_seconds=300,
)  # fmt: skip
PATH = Probe("path.answers", "An address answers a device", Path, _path, timeout_seconds=300)

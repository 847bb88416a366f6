"""The base services of a site: names and time, which everything else there needs."""

from typing import Annotated

from pydantic import Field

from dcops.core.clock import monotonic
from dcops.core.errors import CommandError, TransportError
from dcops.core.units import Seconds
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.parameters import Device

_POLL_SECONDS = 0.5


class Base(Device):
    """A base server, a name it must know, and how long to wait until it answers."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
    within: Seconds = 0.0


def _answers(context: DrillContext, parameters: Base) -> Finding:
    """Wait until the server answers for the name itself and its clock service runs."""
    deadline = monotonic() + parameters.within
    while True:
        found = _look(context, parameters)
        if found.is_ok or monotonic() >= deadline or context.token.is_cancelled:
            return found
        context.token.wait(_POLL_SECONDS)


def _look(context: DrillContext, parameters: Base) -> Finding:
    ask = ["dig", "+short", "+time=1", "+tries=1", "@127.0.0.1", parameters.name]
    try:
        address = context.hosts.run(parameters.device, ask, timeout_seconds=10).strip()
        time_status = context.hosts.status(parameters.device, ["systemctl", "is-active", "--quiet", "chrony"])
    except (TransportError, CommandError) as error:
        return Finding(is_ok=False, reason="no_answer", detail=f"{parameters.device}: {error.message}")
    if not address:
        return Finding(is_ok=False, reason="no_name", detail=f"{parameters.device} does not know {parameters.name}")
    if time_status != 0:
        return Finding(is_ok=False, reason="no_time", detail=f"{parameters.device} serves no time")
    return Finding(is_ok=True, detail=f"{parameters.device} answers names and time", facts={"address": address})


ANSWERS = Probe("base.answers", "A base server answers names and time", Base, _answers, timeout_seconds=180)

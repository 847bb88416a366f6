"""Whether a site may accept writes, as its own agent says."""

import json

from dcops.core.clock import monotonic
from dcops.core.errors import CommandError, TransportError
from dcops.core.units import Seconds
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.actions.permit import PROGRAM
from dr_drills.parameters import Device

_POLL_SECONDS = 0.5


class Held(Device):
    """Whether the site must hold the permit, and how long to wait for that."""

    held: bool = True
    within: Seconds = 0.0


def _held(context: DrillContext, parameters: Held) -> Finding:
    """Wait until the site holds the permit, or holds it no more. An agent that does not answer leaves it undecided."""
    deadline = monotonic() + parameters.within
    while True:
        found = _look(context, parameters)
        if found.is_ok or monotonic() >= deadline or context.token.is_cancelled:
            return found
        context.token.wait(_POLL_SECONDS)


def _look(context: DrillContext, parameters: Held) -> Finding:
    try:
        status = json.loads(context.hosts.run(parameters.device, [PROGRAM, "status", "--json"], timeout_seconds=10))
    except (TransportError, CommandError) as error:
        return Finding(is_ok=None, reason="no_answer", detail=error.message)
    words = f"{status['site']} {'may' if status['held'] else 'may not'} write, grant {status['grant']}"
    is_ok = bool(status["held"]) is parameters.held
    return Finding(is_ok=is_ok, reason="" if is_ok else "other_state", detail=words, facts={"held": status["held"]})


HELD = Probe("permit.held", "A site may accept writes, or may not", Held, _held, timeout_seconds=180)

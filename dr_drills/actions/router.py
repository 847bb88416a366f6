"""A network device brought back to the configuration that is kept of it."""

from dcops.core.clock import monotonic
from dcops.core.errors import TransportError
from dcops.core.units import Seconds
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Device

_POLL_SECONDS = 1.0


class Restored(Device):
    """Which device, and how long to wait until it takes sessions."""

    within: Seconds = 90.0


def _restore(context: DrillContext, parameters: Restored) -> Outcome:
    """Restore the kept configuration; a device that still boots is asked again until `within` is over."""
    deadline = monotonic() + parameters.within
    while True:
        try:
            return Outcome(detail=context.router_writer.restore(parameters.device))
        except TransportError as error:
            if not error.is_retryable or monotonic() >= deadline or context.token.is_cancelled:
                raise
        context.token.wait(_POLL_SECONDS)


RESTORE = Action(
    "router.restore", "Bring a device's routing to its kept configuration", Restored, BlastClass.CHANGE, _restore,
    timeout_seconds=240,
)  # fmt: skip

"""The site permit: given up at one site, taken to another; which one may write is decided by the agents alone."""

import json

from dcops.core.clock import monotonic
from dcops.core.errors import CommandError, DcopsError, Refused, TransportError
from dcops.core.units import Seconds
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Device

PROGRAM = "/usr/local/sbin/site-permit"
_REFUSED = 7
_TRIES_SECONDS = 1.0


class Grant(Device):
    """How long to wait until the other site has surely stopped."""

    within: Seconds = 60.0


def _grant(context: DrillContext, parameters: Grant) -> Outcome:
    """Have the device's site hold the permit; the agent there waits until no other site can hold it any more."""
    deadline = monotonic() + parameters.within
    while True:
        left = max(1.0, deadline - monotonic())
        argv = [PROGRAM, "grant", "--json", "--wait", f"{left:.0f}"]
        try:
            told = context.hosts.run(parameters.device, argv, timeout_seconds=left + 20)
            break
        except CommandError as error:
            if error.status != _REFUSED or monotonic() + _TRIES_SECONDS > deadline:
                raise
            context.token.wait(_TRIES_SECONDS)  # the other site's answer is a moment old
            context.token.raise_if_cancelled()
    found = json.loads(told)
    if not found.get("held"):
        raise DcopsError("the permit was given up meanwhile", where=parameters.device)
    detail = f"{found['site']} alone may write, by grant {found['grant']}"
    return Outcome(detail=detail, facts={"permit_grant": found["grant"], "permit_granted_at": found["held_since"]})


def _revoke(context: DrillContext, parameters: Device) -> Outcome:
    """Have the device's site give the permit up; a site that does not answer loses it by being alone."""
    try:
        told = context.hosts.run(parameters.device, [PROGRAM, "revoke", "--json"], timeout_seconds=10)
    except TransportError as error:
        return Outcome(detail=f"not asked, its permit must lapse: {error.message}")
    found = json.loads(told)
    if found.get("held"):
        raise Refused("the site holds the permit still", where=parameters.device, hint="See: site-permit status.")
    return Outcome(detail=f"{found['site']} may write no more")


GRANT = Action(
    "permit.grant", "Let one site alone accept writes", Grant, BlastClass.DISRUPT, _grant,
    undone_by=("permit.revoke",), timeout_seconds=180, fences=True,
)  # fmt: skip
REVOKE = Action(
    "permit.revoke", "Have a site accept no more writes", Device, BlastClass.DISRUPT, _revoke,
    undone_by=("permit.grant",),
)  # fmt: skip

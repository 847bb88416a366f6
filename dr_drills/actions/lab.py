"""Faults of the twin: power of nodes and sites, links cut and shaped; asked of the supervisor by name, and undone."""

from typing import Annotated

from pydantic import Field

from dcops.core.clock import monotonic
from dcops.core.errors import CommandError, TransportError
from dcops.core.units import Seconds, format_duration
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import DeviceName, Link, Node, Site

_BASE_SECONDS = 60.0
_BASE_UNIT = "named.service"


class Cut(Link):
    """How a link is cut: with loss of carrier, silently, or silently for what leaves the device `end` alone."""

    silent: bool = False
    end: DeviceName | None = None


class Shape(Link):
    """What becomes of a link: bits a second, percent of the frames lost each way, delay each way."""

    rate: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?[kMG]$")] | None = None
    loss_percent: Annotated[float, Field(ge=0, le=100)] = 0.0
    delay: Seconds | None = None
    end: DeviceName | None = None


def _stop(context: DrillContext, parameters: Node) -> Outcome:
    return Outcome(detail=context.faults.stop(parameters.node))


def _start(context: DrillContext, parameters: Node) -> Outcome:
    return Outcome(detail=context.faults.start(parameters.node))


def _start_as_new(context: DrillContext, parameters: Node) -> Outcome:
    return Outcome(detail=context.faults.start_as_new(parameters.node))


def _stop_site(context: DrillContext, parameters: Site) -> Outcome:
    """Take the power of every node of a site at one moment; the cables go dead before any process ends."""
    nodes = context.faults.site(parameters.site).names
    context.faults.stop_all(nodes)
    return Outcome(detail=f"{parameters.site} is without power: {', '.join(nodes)}", facts={"nodes": list(nodes)})


def _start_site(context: DrillContext, parameters: Site) -> Outcome:
    """Give a site its power back: routers and base services first; the rest once those answer names."""
    site = context.faults.site(parameters.site)
    context.faults.start_all((*site.routers, *site.base))
    waited = [_wait_for_base(context, server) for server in site.base]
    context.faults.start_all(site.others)
    return Outcome(detail=f"{parameters.site} has power again; {'; '.join(waited) or 'it has no base services'}")


def _wait_for_base(context: DrillContext, server: str) -> str:
    """Say how long the names took; after a minute the rest is started without, for a way back must not end here."""
    began = monotonic()
    while monotonic() - began < _BASE_SECONDS:
        try:
            if context.hosts.status(server, ["systemctl", "is-active", "--quiet", _BASE_UNIT]) == 0:
                return f"{server} answered names after {format_duration(monotonic() - began)}"
        except (TransportError, CommandError):
            pass  # still booting, or no way to it yet
        context.token.wait(0.5)
    return f"{server} did not answer names in {format_duration(_BASE_SECONDS)}"


def _cut(context: DrillContext, parameters: Cut) -> Outcome:
    context.faults.cut(parameters.link, is_silent=parameters.silent, end=parameters.end)
    if parameters.end:
        return Outcome(detail=f"what leaves {parameters.end} on {parameters.link} vanishes")
    return Outcome(detail=f"{parameters.link} is cut{', silently' if parameters.silent else ''}")


def _shape(context: DrillContext, parameters: Shape) -> Outcome:
    loss = parameters.loss_percent
    context.faults.shape(
        parameters.link, rate=parameters.rate, loss=loss / 100, delay_seconds=parameters.delay, end=parameters.end
    )
    told = [parameters.rate and f"{parameters.rate}bit/s", loss and f"{loss:g} % lost"]
    told.append(parameters.delay and f"{format_duration(parameters.delay)} later")
    return Outcome(detail=f"{parameters.link}: {', '.join(str(each) for each in told if each) or 'no limit'}")


def _heal(context: DrillContext, parameters: Link) -> Outcome:
    context.faults.heal(parameters.link)
    return Outcome(detail=f"{parameters.link} is whole again")


STOP_NODE = Action(
    "lab.stop_node", "Take a node's power away, with no warning to it", Node, BlastClass.DISRUPT, _stop,
    undone_by=("lab.start_node",), is_fault=True,
)  # fmt: skip
START_NODE = Action("lab.start_node", "Give a node its power back", Node, BlastClass.CHANGE, _start, is_fault=True)
START_AS_NEW = Action(
    "lab.start_as_new", "Give a router that is off its power back as a new device", Node, BlastClass.DISRUPT,
    _start_as_new, undone_by=("router.restore",), is_fault=True,
)  # fmt: skip
STOP_SITE = Action(
    "lab.stop_site", "Take the power of a whole site at one moment", Site, BlastClass.DISRUPT, _stop_site,
    undone_by=("lab.start_site",), is_fault=True,
)  # fmt: skip
START_SITE = Action(
    "lab.start_site", "Give a site its power back, base services first", Site, BlastClass.CHANGE, _start_site,
    is_fault=True, timeout_seconds=300,
)  # fmt: skip
CUT = Action(
    "lab.cut", "Cut a link, or a node's cable", Cut, BlastClass.DISRUPT, _cut, undone_by=("lab.heal",), is_fault=True
)
SHAPE = Action(
    "lab.shape", "Make a link slow or lossy", Shape, BlastClass.DISRUPT, _shape, undone_by=("lab.heal",), is_fault=True
)
HEAL = Action("lab.heal", "Take every fault off a link", Link, BlastClass.CHANGE, _heal, is_fault=True)

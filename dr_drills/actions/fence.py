"""Keeping a lost site from being reached: by the routes of the service, by its networks, and in a twin by its power."""

from dcops.core.errors import DcopsError
from dcops.core.words import BlastClass, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Node, Nothing


class Site(Frozen):
    """A site; never the one the drill is run at."""

    site: str


def _route(context: DrillContext, _: Nothing) -> Outcome:
    """Have nobody announce the service's address, and ask every router whether that is so."""
    told = context.routes.withdraw(context.scope.service)
    seen = context.routes.announced(context.scope.service)
    if seen.sites:
        raise DcopsError(f"still announced by {', '.join(seen.sites)}", where=context.scope.service)
    unread = ", ".join(sorted(seen.unread))
    return Outcome(detail=f"{told}; not asked: {unread}" if unread else told, facts={"unread_routers": unread})


def _link(context: DrillContext, parameters: Site) -> Outcome:
    if parameters.site == context.scope.run_at:
        raise DcopsError("the drill is run at this site", where=parameters.site, hint="Nothing was touched.")
    return Outcome(detail=context.fence.shut(parameters.site))


def _open_link(context: DrillContext, parameters: Site) -> Outcome:
    return Outcome(detail=context.fence.open(parameters.site))


def _power(context: DrillContext, parameters: Node) -> Outcome:
    return Outcome(detail=context.faults.stop(parameters.node))


ROUTE = Action(
    "fence.route", "Have nobody announce the service's address, and see that it is so", Nothing, BlastClass.DISRUPT,
    _route, undone_by=("service.announce",),
)  # fmt: skip
LINK = Action(
    "fence.link", "Shut a site's own networks at its routers", Site, BlastClass.DISRUPT, _link,
    undone_by=("fence.open_link",),
)  # fmt: skip
OPEN_LINK = Action(
    "fence.open_link", "Open a site's own networks again", Site, BlastClass.DISRUPT, _open_link,
    undone_by=("fence.link",),
)  # fmt: skip
POWER = Action(
    "fence.power", "Take the power of a node that must not come back yet", Node, BlastClass.DISRUPT, _power,
    undone_by=("lab.start_node",), is_fault=True,
)  # fmt: skip

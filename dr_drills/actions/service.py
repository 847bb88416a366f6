"""Where the service's address is announced: withdrawn as a fence, announced where it is served."""

from dcops.core.words import BlastClass, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome


class Service(Frozen):
    """A service of the inventory; the scope's where none is named."""

    service: str | None = None


class AtSite(Service):
    """A site."""

    site: str


def _withdraw(context: DrillContext, parameters: Service) -> Outcome:
    return Outcome(detail=context.routes.withdraw(parameters.service or context.scope.service))


def _announce(context: DrillContext, parameters: AtSite) -> Outcome:
    return Outcome(detail=context.routes.announce(parameters.service or context.scope.service, parameters.site))


WITHDRAW = Action(
    "service.withdraw", "Have no site announce the service's address", Service, BlastClass.DISRUPT, _withdraw,
    undone_by=("service.announce",),
)  # fmt: skip
ANNOUNCE = Action(
    "service.announce", "Have one site alone announce the service's address", AtSite, BlastClass.DISRUPT, _announce,
    undone_by=("service.announce",),
)  # fmt: skip

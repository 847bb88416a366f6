"""Where the service's address is announced: withdrawn as a fence, announced where it is served."""

from dcops.core.words import BlastClass, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Nothing


class AtSite(Frozen):
    """A site."""

    site: str


def _withdraw(context: DrillContext, _: Nothing) -> Outcome:
    return Outcome(detail=context.routes.withdraw(context.scope.service))


def _announce(context: DrillContext, parameters: AtSite) -> Outcome:
    return Outcome(detail=context.routes.announce(context.scope.service, parameters.site))


WITHDRAW = Action(
    "service.withdraw", "Have no site announce the service's address", Nothing, BlastClass.DISRUPT, _withdraw,
    undone_by=("service.announce",),
)  # fmt: skip
ANNOUNCE = Action(
    "service.announce", "Have one site alone announce the service's address", AtSite, BlastClass.DISRUPT, _announce,
    undone_by=("service.announce",),
)  # fmt: skip

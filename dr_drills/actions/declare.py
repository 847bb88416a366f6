"""The declaration of a disaster. In a rehearsal it is made by the drill itself, and the result says so."""

from dcops.core.words import BlastClass, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome


class Declaration(Frozen):
    """What is declared."""

    text: str


def _declare(context: DrillContext, parameters: Declaration) -> Outcome:
    context.say(f"declared: {parameters.text}")
    return Outcome(detail=f"declared by the drill itself: {parameters.text}", facts={"declared_by": "drill"})


AUTOMATIC = Action(
    "declare.automatic", "Declare the disaster without a person, as a rehearsal may", Declaration, BlastClass.OBSERVE,
    _declare,
)  # fmt: skip

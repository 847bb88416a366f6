"""The declaration of a disaster: by the drill itself, as a rehearsal may, or by two people's signatures."""

from datetime import timedelta

from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError
from dcops.core.units import Seconds, format_duration
from dcops.core.words import BlastClass, Frozen, Text
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Finding, Outcome

PEOPLE = 2
_POLL_SECONDS = 1.0
_LONGEST_SECONDS = 86400.0


class Declaration(Frozen):
    """What is declared."""

    text: str


class SignedDeclaration(Frozen):
    """What is declared, in both languages, and how long the drill waits for two signatures."""

    text: Text
    timeout: Seconds = 3600.0


def _declare(context: DrillContext, parameters: Declaration) -> Outcome:
    context.say(f"declared: {parameters.text}")
    return Outcome(detail=f"declared by the drill itself: {parameters.text}", facts={"declared_by": "drill"})


def _signed(context: DrillContext, parameters: SignedDeclaration) -> Finding:
    """Wait until two people other than the operator have signed; who signed is asked of the journal each time anew."""
    deadline = monotonic() + parameters.timeout
    asked = context.declarations.ask(parameters.text, utc_now() + timedelta(seconds=parameters.timeout))
    while True:
        people: tuple[str, ...] = ()
        problem = ""
        try:
            people = context.declarations.signed(asked)
        except DcopsError as error:  # a journal that is busy for a moment
            problem = f"; {error}"
        facts = {"declared_by": list(people), "declaration_sha256": asked.subject}
        if len(people) >= PEOPLE:
            detail = f"declared by {', '.join(people)}: {parameters.text.en}"
            return Finding(is_ok=True, detail=detail, facts=facts)
        if monotonic() >= deadline:
            detail = f"{len(people)} of {PEOPLE} people signed within {format_duration(parameters.timeout)}{problem}"
            return Finding(is_ok=False, reason="unsigned", detail=detail, facts=facts)
        context.token.wait(_POLL_SECONDS)
        context.token.raise_if_cancelled()


AUTOMATIC = Action(
    "declare.automatic", "Declare the disaster without a person, as a rehearsal may", Declaration, BlastClass.OBSERVE,
    _declare,
)  # fmt: skip
SIGNED = Action(
    "declare.signed", "Wait until two people other than the operator have signed the declaration", SignedDeclaration,
    BlastClass.OBSERVE, _signed, permits_promotion=True, timeout_seconds=_LONGEST_SECONDS,
)  # fmt: skip

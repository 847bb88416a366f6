"""Disasters declared by signatures: what is to be signed, who may, and who has. The journal holds the signatures."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from dcops.core.clock import rfc3339
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.core.words import Text
from dcops.drills.kinds import Catalogue
from dcops.drills.model import Drill
from dcops.drills.people import Declaration
from dcops.drills.ports import Say
from dcops.drills.service import Setting
from dcops.inventory import Inventory
from dcops.records.approval import Approver, Demand
from dcops.records.approving import Approvals
from dcops.records.service import Journal
from dcops.runs.run import Run, list_runs, load_run, run_events
from dcops.wiring.drill_people import require_person
from dcops.wiring.records import open_approvals

ROLE = "approver"


class SignedDeclarations:
    """The declarations of one run."""

    def __init__(
        self, approvals: Approvals, run: str, setting: Setting, operator: str, actors: Iterable[str],
        event: Callable[..., Any], say: Say,
    ) -> None:  # fmt: skip
        self._approvals, self._run, self._setting = approvals, run, setting
        self._operator, self._event, self._say = operator, event, say
        self._not_by = frozenset({operator, *(name for actor in actors for name in names_in(actor))})

    def ask(self, text: Text, until: datetime) -> Declaration:
        """Tell that it waits; the text is in the run's events, for those who sign."""
        setting = self._setting
        made = Declaration(
            run=self._run,
            drill=setting.drill.name,
            spec_sha256=setting.spec_sha256,
            environment=setting.environment,
            operator=self._operator,
            text=text,
        )
        self._event("declaration.asked", declaration=made.model_dump(mode="json"), until_utc=rfc3339(until))
        self._say(f"two people are asked to declare: {text.en} / {text.id}")
        self._say(f"sign with: dcops drill declare {self._run[-8:]} --person NAME --key FILE")
        return made

    def signed(self, declaration: Declaration) -> tuple[str, ...]:
        """Give who signed, each signature checked again; people who share a key count once."""
        demand = Demand(people=2, role=ROLE, not_by=self._not_by)
        people = self._approvals.granted(declaration.subject, demand)
        return distinct([self._approvals.person(name) for name in people], self._approvals.find(self._operator))


def names_in(actor: str) -> list[str]:
    """Give the account names of an actor: `ani/root@host` names ani and root."""
    return [name for name in re.split(r"[/@]", actor) if name]


def distinct(people: Iterable[Approver], operator: Approver | None) -> tuple[str, ...]:
    """Give the names of people of whom no two share a key, nor one with the operator: a key is somebody's hand."""
    seen = {key_of(line) for line in operator.keys} if operator else set()
    found = []
    for person in people:
        keys = {key_of(line) for line in person.keys}
        if not keys & seen:
            found.append(person.name)
        seen |= keys
    return tuple(found)


def key_of(line: str) -> str:
    """Give the key of a public key line, without its comment."""
    return " ".join(line.split()[:2])


def require_operator(drill: Drill, catalogue: Catalogue, inventory: Inventory, person: str | None) -> str:
    """Give who runs the drill, by name in the inventory; empty when nobody must know.

    Raises UsageError for a stranger, and when two others than the operator must sign and nobody says who that is.
    """
    kinds = catalogue.describe()
    is_signed = any(step.uses in kinds and kinds[step.uses].permits_promotion for step in drill.spec.declare)
    if is_signed and person is None:
        message = "two people other than the operator must declare, and nobody says who that is"
        raise UsageError(message, where=drill.name, hint="Say it: --as NAME, a name of the inventory's people.")
    return require_person(inventory.people, person)


def declarations_of(
    settings: Settings, inventory: Inventory, journal: Journal, run: Run, own_id: str, setting: Setting, say: Say,
    operator: str,
) -> SignedDeclarations:  # fmt: skip
    """Give the declarations of a run. `own_id`: the run whose work is done; its accounts may not sign either."""
    approvals = open_approvals(settings, inventory, journal)
    actors = {run.actor} | {each.actor for each in list_runs(settings.state) if each.run == own_id}
    return SignedDeclarations(approvals, own_id, setting, operator, actors, run.event, say)


def find_declaration(settings: Settings, run_id: str) -> Declaration:
    """Give what a drill's run wants signed. Raises UsageError when it asks for no signature."""
    state = settings.state
    file = load_run(state, run_id)
    first = str(file.arguments.get("of") or file.run)
    later = sorted(each.run for each in list_runs(state) if each.arguments.get("of") == first)
    events = [event for each in (first, *later) for event in run_events(state, each)]
    asked = [event.fields["declaration"] for event in events if event.name == "declaration.asked"]
    if not asked:
        raise UsageError(
            "this run asks for no signature", where=f"run {file.run}", hint="Follow it: dcops drill watch."
        )
    return Declaration.model_validate(asked[-1])

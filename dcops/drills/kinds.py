"""What an entry point of `dcops.drill_actions` or `dcops.drill_probes` is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from dcops.core.words import BlastClass, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kindinfo import KindInfo
from dcops.drills.model import Finding, Outcome

P = TypeVar("P", bound=Frozen)


@dataclass(frozen=True)
class Action(Generic[P]):
    """Something a drill does.

    Attributes:
        schema: model of its parameters; parameters called `device` or `node` must be devices of the inventory.
        blast: how much it can break.
        undone_by: names of the actions that undo it; empty only for what changes nothing that outlives the run.
        is_fault: it asks the twin's supervisor; allowed in inject and rollback steps only.
        promotes: it makes a second copy of data the one that is written to; refused while the first may still be.
        fences: when it ends well, it has shown that the first copy acknowledges nothing any more.
        permits_promotion: when it ends well, two people have signed that this holds; in the declare phase only.
        brings_back: where the data comes from that it restores: `backup`, `archive` (the database's log) or `standby`.
        asks: it changes nothing itself, it asks the person in the role its parameter `role` names, and waits.
        timeout_seconds: after which the drill no longer waits for it.
    """

    name: str
    summary: str
    schema: type[P]
    blast: BlastClass
    run: Callable[[DrillContext, P], Outcome | Finding]
    undone_by: tuple[str, ...] = ()
    is_fault: bool = False
    timeout_seconds: float = 120.0
    promotes: bool = False
    fences: bool = False
    permits_promotion: bool = False
    asks: bool = False
    brings_back: Literal["", "backup", "archive", "standby"] = ""


@dataclass(frozen=True)
class Probe(Generic[P]):
    """Something a drill looks at; it changes nothing. `fences`: its yes shows that a copy acknowledges nothing."""

    name: str
    summary: str
    schema: type[P]
    run: Callable[[DrillContext, P], Finding]
    timeout_seconds: float = 60.0
    fences: bool = False


@dataclass(frozen=True)
class Catalogue:
    """All actions and probes that are installed, by name."""

    actions: Mapping[str, Action[Any]]
    probes: Mapping[str, Probe[Any]]

    def find(self, name: str) -> Action[Any] | Probe[Any] | None:
        """Give the action or probe called `name`, or None."""
        return self.actions.get(name) or self.probes.get(name)

    def describe(self) -> dict[str, KindInfo]:
        """Give what the lint needs to know of each."""
        actions = {
            name: KindInfo(
                parameters=each.schema,
                blast=each.blast,
                undone_by=each.undone_by,
                is_fault=each.is_fault,
                is_action=True,
                promotes=each.promotes,
                fences=each.fences,
                permits_promotion=each.permits_promotion,
                asks=each.asks,
            )
            for name, each in self.actions.items()
        }
        probes = {name: KindInfo(parameters=each.schema, fences=each.fences) for name, each in self.probes.items()}
        return {**probes, **actions}

    def blast(self, name: str) -> BlastClass:
        """Give how much `name` can break; a probe only observes."""
        action = self.actions.get(name)
        return action.blast if action else BlastClass.OBSERVE

"""The plan envelope: what will be done, in which order, from which observed state. Pure.

A plan's id is the SHA-256 of its content, so approving an id approves exactly these steps; apply refuses a plan whose
state has moved on since. Planned again from the same state, a plan has the same id: `--check` names it, and an act that
nobody is asked about names it back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from dcops.core.errors import Refused
from dcops.core.words import BlastClass, Environment
from dcops.records.canonical import canonical_text, sha256_hex

SHORT_ID = 12


class PlannedStep(BaseModel):
    """One step as a person reads it before it happens. `diff` is unified text or empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    target: str
    blast: BlastClass = BlastClass.CHANGE
    detail: str = ""
    diff: str = ""

    @field_serializer("blast")
    def _name_of_blast(self, blast: BlastClass) -> str:
        return blast.name.lower()

    @field_validator("blast", mode="before")
    @classmethod
    def _blast_of_name(cls, value: Any) -> Any:
        return (
            BlastClass[value.upper()] if isinstance(value, str) and value.upper() in BlastClass.__members__ else value
        )


class Plan(BaseModel):
    """A frozen plan. `made_from` is the state hash it was made from, see `state_hash`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: str
    environment: Environment
    inventory: str
    inventory_revision: str
    made_from: str
    made_at: datetime
    steps: tuple[PlannedStep, ...]
    data: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def plan_id(self) -> str:
        """SHA-256 over the canonical content, 64 hex digits; the moment it was made is no part of it."""
        return sha256_hex(canonical_text(self.model_dump(mode="json", exclude={"made_at"}), where="plan"))

    @property
    def blast(self) -> BlastClass:
        """The widest blast class among the steps; OBSERVE for an empty plan."""
        return max((step.blast for step in self.steps), default=BlastClass.OBSERVE)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps


def state_hash(state: Any) -> str:
    """Return the hash of an observed state: any nesting of mappings, lists, texts, numbers and None."""
    return sha256_hex(canonical_text(state, where="state"))


def make_plan(
    verb: str,
    *,
    environment: Environment | str,
    inventory: str,
    inventory_revision: str,
    state: Any,
    made_at: datetime,
    steps: Sequence[PlannedStep],
    data: Mapping[str, Any] | None = None,
) -> Plan:
    """Return a plan for `verb` made from the observed `state`; `data` is what the planner wants to keep with it."""
    return Plan(
        verb=verb,
        environment=Environment(environment),
        inventory=inventory,
        inventory_revision=inventory_revision,
        made_from=state_hash(state),
        made_at=made_at,
        steps=tuple(steps),
        data=dict(data or {}),
    )


def require_fresh(plan: Plan, state: Any) -> None:
    """Raise Refused when the observed state is no longer the one the plan was made from."""
    if state_hash(state) != plan.made_from:
        raise Refused(
            "the target has changed since this plan was made",
            where=f"plan {plan.plan_id[:SHORT_ID]}",
            hint="Plan again and look at the new plan.",
        )


def require_plan_id(plan: Plan, wanted: str) -> None:
    """Raise Refused unless `wanted` (at least 12 hex digits) begins the plan's id."""
    if len(wanted) < SHORT_ID or not plan.plan_id.startswith(wanted.lower()):
        raise Refused(
            f"the plan made now is {plan.plan_id[:SHORT_ID]}, not the one named",
            where=f"plan {wanted}",
            hint="Plan again and look at the new plan.",
        )


def require_seen(plan: Plan, *, yes: bool, named: str | None) -> None:
    """Raise Refused when `named` is another plan's id, or when nobody will be asked in production and none is named.

    Args:
        yes: the act was asked for with --yes.
        named: what --plan-id said.
    """
    if named is not None:
        require_plan_id(plan, named)
    elif yes and plan.environment is Environment.PRODUCTION:
        raise Refused(
            "--yes in production needs the id of a plan",
            where=plan.verb,
            hint="Look at what --check shows; it ends with the id for --plan-id.",
        )


def render_plan(plan: Plan, *, with_diff: bool = False) -> str:
    """Return the plan as plain text lines for a terminal."""
    head = (
        f"plan {plan.plan_id[:SHORT_ID]}: {plan.verb} in {plan.inventory} ({plan.environment}), "
        f"revision {plan.inventory_revision[:SHORT_ID]}, blast {plan.blast.name.lower()}"
    )
    if plan.is_empty:
        return f"{head}\n  nothing to do"
    width = max(len(step.target) for step in plan.steps)
    lines = [head]
    for number, step in enumerate(plan.steps, 1):
        detail = f": {step.detail}" if step.detail else ""
        lines.append(f"  {number:>3}. {step.target:<{width}}  {step.blast.name.lower():<7}  {step.name}{detail}")
        if with_diff and step.diff:
            lines.extend(f"       {line}" for line in step.diff.splitlines())
    return "\n".join(lines)

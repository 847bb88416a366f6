"""A saved plan of several devices: JSON to review, keep and hand to apply. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dcops.core.errors import Problem, SpecError
from dcops.network.model import DevicePlan

__all__ = ["parse_plan", "plan_document", "plan_id"]

_FIELDS = ("device", "site", "state_hash", "commands", "rollback", "diff")


def plan_id(plans: Sequence[DevicePlan]) -> str:
    """12 hex digits that name exactly these plans."""
    return hashlib.sha256("\n".join(plan.plan_id for plan in plans).encode()).hexdigest()[:12]


def plan_document(plans: Sequence[DevicePlan], inventory: str, revision: str) -> dict[str, Any]:
    """The JSON document of a plan; `parse_plan` reads it back."""
    return {
        "plan": plan_id(plans),
        "inventory": inventory,
        "revision": revision,
        "devices": [asdict(plan) for plan in plans],
    }


def parse_plan(text: str, where: str, inventory: str) -> tuple[DevicePlan, ...]:
    """The plans in a document; raise SpecError when it is none, was made for another inventory, or was edited."""
    try:
        document = json.loads(text)
        plans = tuple(DevicePlan(**_fields(item)) for item in document["devices"])
        named, made_for = str(document["plan"]), str(document["inventory"])
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError([Problem(where, "", "not a plan of dcops net", f"{type(error).__name__}: {error}")]) from error
    if named != plan_id(plans):
        raise SpecError([Problem(where, "plan", "the plan was changed after it was made", "Plan again.")])
    if made_for != inventory:
        raise SpecError([Problem(where, "inventory", f'made for "{made_for}", not "{inventory}"', "Plan again.")])
    return plans


def _fields(item: dict[str, Any]) -> dict[str, Any]:
    if set(item) != set(_FIELDS):
        raise KeyError(", ".join(sorted(set(item) ^ set(_FIELDS))))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in item.items()}

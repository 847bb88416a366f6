"""Checks across items: each rule gives findings, none of them stops another. Pure."""

from collections.abc import Mapping

from dcops.inventory.finding import Finding
from dcops.inventory.model import Inventory
from dcops.inventory.rules.addressing import check as check_addressing
from dcops.inventory.rules.cycles import check as check_cycles
from dcops.inventory.rules.naming import check as check_naming
from dcops.inventory.rules.placement import check as check_placement
from dcops.inventory.rules.references import check as check_references

__all__ = ["check"]


def check(inventory: Inventory, names: Mapping[str, set[str]]) -> list[Finding]:
    """Give every finding of every rule.

    Args:
        inventory: the items that are well formed.
        names: section -> every name written there, also of items that are not well formed, so that one error does
            not make others.
    """
    return [
        *check_references(inventory, names),
        *check_addressing(inventory),
        *check_placement(inventory),
        *check_naming(inventory),
        *check_cycles(inventory),
    ]

"""Joins the API: the inventory as the files say it now, and the board of links."""

from __future__ import annotations

from dataclasses import dataclass

from dcops.core.settings import Settings
from dcops.registry.service import Board
from dcops.wiring.registry import open_board
from dcops.wiring.source import InventorySource

__all__ = ["ApiParts", "open_api"]


@dataclass(frozen=True)
class ApiParts:
    """What the API answers from."""

    source: InventorySource
    board: Board


def open_api(settings: Settings, inventory: str) -> ApiParts:
    """The parts for the inventory called `inventory`; raise SpecError when it is invalid at the start."""
    source = InventorySource(settings.inventory_root(inventory))
    return ApiParts(source, open_board(settings, source.get))

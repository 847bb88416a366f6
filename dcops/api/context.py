"""What the routes work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import Request

from dcops.api.own_metrics import ApiMetrics
from dcops.core.errors import DcopsError
from dcops.inventory import Inventory
from dcops.registry.service import Board

__all__ = ["Context", "context_of"]


@dataclass
class Context:
    """The inventory as it is now, whether the files on disk are wrong, the board of links, and own metrics."""

    inventory: Callable[[], Inventory]
    inventory_error: Callable[[], DcopsError | None]
    board: Board
    metrics: ApiMetrics = field(default_factory=ApiMetrics)


def context_of(request: Request) -> Context:
    """The context of the app that answers `request`."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context

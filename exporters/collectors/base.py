"""What a collector is: the subtrees it asks for and a pure function from answers to metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dcops.snmp.walk import Walk
from exporters.exposition import Family

__all__ = ["Collector"]


@dataclass(frozen=True)
class Collector:
    """A module of `/snmp?module=`: `collect` turns the walk of `subtrees` into metric families."""

    subtrees: tuple[str, ...]
    collect: Callable[[Walk], Sequence[Family]]

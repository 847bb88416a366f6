"""Two results of drills side by side: what was run, what was measured, which steps took longer. Pure."""

from typing import Any

from dcops.core.words import Frozen
from dcops.records.kinds.drills import DrillResult

_RUN = ("drill", "drill_version", "spec_sha256", "environment", "verdict")
_FIGURES = (
    "rto_service_seconds",
    "rto_verified_seconds",
    "rpo_seconds",
    "lost_acknowledged",
    "restored_bytes",
    "restore_bytes_per_second",
    "worst_rpo_seconds",
    "projected_rto_seconds",
    "observer_rto_seconds",
    "observer_lost_acknowledged",
    "duration_seconds",
)


class Row(Frozen):
    """One fact of both runs; `change` is second minus first where both are numbers."""

    part: str
    name: str
    first: str | int | float | None
    second: str | int | float | None
    change: float | None = None

    @property
    def is_different(self) -> bool:
        """True when the two are not the same."""
        return self.first != self.second


def compare(first: DrillResult, second: DrillResult, revisions: tuple[str, str]) -> tuple[Row, ...]:
    """Give what was run, the figures, and the seconds of each step that either has, in the order of the first.

    Args:
        revisions: the inventory's revision at each run.
    """
    one, two = first.model_dump(), second.model_dump()
    rows = [_row("run", name, one[name], two[name]) for name in _RUN]
    rows.append(_row("run", "inventory_revision", *revisions))
    rows += [_row("figure", name, one[name], two[name]) for name in _FIGURES]
    took = [{f"{step.phase} {step.id}": step.duration_seconds for step in each.steps} for each in (first, second)]
    names = dict.fromkeys([*took[0], *took[1]])
    rows += [_row("step", name, _rounded(took[0].get(name)), _rounded(took[1].get(name))) for name in names]
    return tuple(rows)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _row(part: str, name: str, first: Any, second: Any) -> Row:
    numbers = all(isinstance(each, int | float) for each in (first, second)) and name != "drill_version"
    return Row(part=part, name=name, first=first, second=second, change=second - first if numbers else None)

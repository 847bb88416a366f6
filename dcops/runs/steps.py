"""The step protocol: every change carries its check and its reverse; the outcome of one step is a value. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from dcops.core.words import BlastClass


class StepStatus(StrEnum):
    """How one step ended. `unchanged`: it was already so; `not_started`: cancelled or stopped before its turn."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    REVERSED = "reversed"
    NOT_STARTED = "not_started"


@dataclass(frozen=True)
class StepResult:
    """What happened to one step. `detail` is one line for people."""

    name: str
    status: StepStatus
    detail: str = ""
    duration_seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        """Whether the step left its target as wanted."""
        return self.status in (StepStatus.CHANGED, StepStatus.UNCHANGED)


@runtime_checkable
class Step(Protocol):
    """One act with its reverse. A second `apply` is harmless, and so is a `reverse` of what was never applied."""

    @property
    def name(self) -> str:
        """What it does, in a few words, the target included."""

    @property
    def blast(self) -> BlastClass:
        """How far it can hurt."""

    def check(self) -> bool:
        """Say whether the target is already as wanted; changes nothing."""

    def apply(self) -> str:
        """Do it and return one line on what was done; raise DcopsError when it could not be done."""

    def reverse(self) -> str:
        """Undo it and return one line; harmless when there is nothing to undo."""

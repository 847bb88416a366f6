"""Reads a run's events back into results, marks and facts: what `report`, `abort` and `resume` start from. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from dcops.drills.model import Mark, MarkName, Phase, StepResult, StepState


class Event(Protocol):
    """One line of a run's log."""

    @property
    def at(self) -> str:
        """RFC 3339."""

    @property
    def name(self) -> str:
        """What happened."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """The rest."""


@dataclass
class Progress:
    """How far a run came.

    Attributes:
        results: steps in the order they ended, then those that started and never ended.
        backup_run: the backup run of the recovery point the guards chose; empty when none was.
    """

    drill: str = ""
    spec_sha256: str = ""
    seed: int = 0
    results: list[StepResult] = field(default_factory=list)
    marks: dict[MarkName, Mark] = field(default_factory=dict)
    backup_run: str = ""
    verdict: str = ""
    began: datetime | None = None


def read_progress(events: Iterable[Event]) -> Progress:
    """Give how far a run came by its events; unknown events are passed over."""
    progress = Progress()
    open_steps: dict[str, StepResult] = {}
    for event in events:
        fields = event.fields
        if event.name == "drill.started":
            progress.drill, progress.seed = str(fields["drill"]), int(fields["seed"])
            progress.spec_sha256 = str(fields["spec_sha256"])
            progress.began = datetime.fromisoformat(event.at)
        elif event.name == "mark":
            progress.marks[MarkName(fields["mark"])] = _mark(fields["at_utc"], fields["monotonic"])
        elif event.name == "step.started":
            open_steps[str(fields["id"])] = _started(event)
        elif event.name == "step.ended":
            result = _ended(event)
            open_steps.pop(result.id, None)
            progress.results.append(result)
            progress.backup_run = str(result.facts.get("backup_run", "")) or progress.backup_run
        elif event.name == "drill.ended":
            progress.verdict = str(fields["verdict"])
    progress.results += open_steps.values()
    return progress


def rebased(progress: Progress, reference: Mark) -> Progress:
    """Give the same progress with monotonic times reckoned from `reference`, a moment of this boot.

    The clock of an earlier boot cannot be compared with this one's: without this a recovery would seem to end before
    the fault. What is reckoned is as good as the wall clock.
    """

    def moved(mark: Mark) -> Mark:
        return Mark(utc=mark.utc, monotonic=reference.monotonic - (reference.utc - mark.utc).total_seconds())

    results = [
        each.model_copy(update={"started": moved(each.started), "ended": each.ended and moved(each.ended)})
        for each in progress.results
    ]
    return replace(progress, results=results, marks={name: moved(mark) for name, mark in progress.marks.items()})


def _mark(utc: str, monotonic: float) -> Mark:
    return Mark(utc=datetime.fromisoformat(utc), monotonic=float(monotonic))


def _started(event: Event) -> StepResult:
    """Give a step that has begun; without an end it stays so: its process died inside it."""
    fields = event.fields
    return StepResult(
        phase=Phase(fields["phase"]),
        id=str(fields["id"]),
        uses=str(fields["uses"]),
        state=StepState.STARTED,
        detail="its process ended inside it",
        started=_mark(event.at, fields["monotonic"]),
    )


def _ended(event: Event) -> StepResult:
    fields = event.fields
    monotonic = fields.get("monotonic")
    return StepResult(
        phase=Phase(fields["phase"]),
        id=str(fields["id"]),
        uses=str(fields["uses"]),
        state=StepState(fields["state"]),
        detail=str(fields.get("detail", "")),
        reason=str(fields.get("reason", "")),
        facts=dict(fields.get("facts", {})),
        started=_mark(fields["started_utc"], fields["started_monotonic"]),
        ended=None if monotonic is None else _mark(event.at, monotonic),
    )

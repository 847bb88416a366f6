"""What is looked at while a drill runs: continuous probes of the steady state, and the end of its window.

A probe that fails as often in a row as `abort_on` says stops the run, as an operator would; the way back follows. A
probe that `abort_on` does not name is only counted, and its failure is in the result.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Protocol

from dcops.core.units import format_duration
from dcops.drills.model import AbortOn, Mark, Phase, Step, StepResult, StepState
from dcops.runs.cancel import CancelToken

EVERY_SECONDS = 5.0
_JOIN_SECONDS = 5.0


class Events(Protocol):
    """Where events go."""

    def event(self, name: str, /, **fields: Any) -> object:
        """Append one event."""


@dataclass
class Tally:
    """How a probe answered so far. `limit`: failures in a row that break it."""

    limit: int = 1
    asked: int = 0
    failed: int = 0
    undecided: int = 0
    in_a_row: int = 0
    is_broken: bool = False
    last: str = ""

    def add(self, state: StepState, detail: str) -> bool:
        """Count an answer and say whether the probe broke by it, which happens once."""
        self.asked += 1
        self.undecided += state is StepState.UNDECIDED
        self.in_a_row = self.in_a_row + 1 if state is StepState.FAILED else 0
        if state is not StepState.FAILED:
            return False
        self.failed += 1
        self.last = detail
        breaks = self.in_a_row >= self.limit and not self.is_broken
        self.is_broken = self.is_broken or breaks
        return breaks

    @property
    def state(self) -> StepState:
        """What the answers come to: failed when it broke, undecided when nobody ever got a yes."""
        if self.is_broken:
            return StepState.FAILED
        return StepState.OK if self.asked > self.failed + self.undecided else StepState.UNDECIDED

    def __str__(self) -> str:
        text = f"asked {self.asked} times, failed {self.failed}, undecided {self.undecided}"
        return f"{text}; last: {self.last}" if self.last else text


class Watch:
    """Looks on while inside; leaves what it saw in `results`."""

    def __init__(
        self,
        steps: Sequence[Step],
        abort_on: AbortOn,
        window_seconds: float | None,
        ask: Callable[[Step], StepResult],
        token: CancelToken,
        events: Events,
        now: Callable[[], Mark],
    ) -> None:
        self._steps = [step for step in steps if step.mode == "continuous"]
        self._abort_on, self._window_seconds = abort_on, window_seconds
        self._ask, self._token, self._events, self._now = ask, token, events, now
        self._tallies: Mapping[str, Tally] = {
            step.id: Tally(limit=abort_on.probes.get(step.id, 1)) for step in self._steps
        }
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._began: Mark | None = None
        self.results: list[StepResult] = []

    def __enter__(self) -> "Watch":
        self._began = self._now()
        works: list[tuple[str, Callable[[], None]]] = [(step.id, partial(self._look, step)) for step in self._steps]
        if self._window_seconds is not None:
            works.append(("window", self._await_end))
        for name, work in works:
            thread = threading.Thread(target=work, name=f"watch-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        began, ended = self._began or self._now(), self._now()
        for step in self._steps:
            tally = self._tallies[step.id]
            if not tally.asked:
                continue  # it was over before the first answer came
            reason = "broken" if tally.is_broken else ""
            self.results.append(
                StepResult(phase=Phase.STEADY_DURING, id=step.id, uses=step.uses, state=tally.state, detail=str(tally),
                           reason=reason, started=began, ended=ended)
            )  # fmt: skip

    def _look(self, step: Step) -> None:
        """Ask one probe until it is over; the first time at once."""
        tally = self._tallies[step.id]
        while not self._is_ended():
            answer = self._ask(step)
            if self._is_ended():
                return  # an answer cut short by the end of the run says nothing
            before = tally.in_a_row
            breaks = tally.add(answer.state, answer.detail)
            if (tally.in_a_row > 0) != (before > 0):
                self._events.event("steady.failed" if tally.in_a_row else "steady.again", id=step.id,
                                   detail=answer.detail)  # fmt: skip
            if breaks and step.id in self._abort_on.probes:
                self._stop(f"{step.id}, which failed {tally.in_a_row} times in a row: {answer.detail}")
            self._over.wait(step.every or EVERY_SECONDS)

    def _await_end(self) -> None:
        seconds = max(0.0, self._window_seconds or 0.0)
        if not self._over.wait(seconds):
            self._stop("the end of its window")

    def _stop(self, reason: str) -> None:
        if not self._is_ended():
            self._events.event("drill.aborting", reason=reason)
            self._token.cancel(reason)

    def _is_ended(self) -> bool:
        return self._over.is_set() or self._token.is_cancelled


def window_left(seconds: float, elapsed: float) -> float:
    """Give what is left of a window after `elapsed` seconds."""
    return max(0.0, seconds - elapsed)


def describe(abort_on: AbortOn, window_seconds: float | None) -> list[str]:
    """Give, for people, what ends a run early; an operator always may."""
    lines = [f"{name} failing {count} times in a row" for name, count in abort_on.probes.items()]
    if abort_on.window_end and window_seconds is not None:
        lines.append(f"after {format_duration(window_seconds)}")
    return [*lines, "an operator"]

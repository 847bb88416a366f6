"""Runs the steps of a phase, side by side where none needs the other; each start and end is on disk at once."""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

from pydantic import ValidationError

from dcops.core.clock import monotonic, rfc3339, sleep, utc_now
from dcops.core.errors import DcopsError, Interrupted, TimedOut
from dcops.core.units import format_duration
from dcops.drills.context import DrillContext, inside
from dcops.drills.graph import blocked, ready_steps
from dcops.drills.kinds import Action, Catalogue
from dcops.drills.measure import moment_of
from dcops.drills.model import Finding, Mark, MarkName, Outcome, Phase, Step, StepResult, StepState
from dcops.drills.promotion import require_fence
from dcops.drills.scratch import placed

logger = logging.getLogger(__name__)

WORKERS = 4
_ROLLBACK_TRIES = 3
_ROLLBACK_PAUSE_SECONDS = 3.0
_POLL_SECONDS = 0.2
_STOP_GRACE_SECONDS = 15.0  # a step that is nearly done when the run is stopped may end well
_END_SECONDS = 10.0


class Events(Protocol):
    """Where events go; each is on disk when `event` returns."""

    def event(self, name: str, /, **fields: Any) -> object:
        """Append one event."""


def now() -> Mark:
    """Give this moment by both clocks."""
    return Mark(utc=utc_now(), monotonic=monotonic())


class StepRunner:
    """Runs steps, keeps their results and marks, and tells a person what happens. `written`: the drill's phases."""

    def __init__(
        self,
        catalogue: Catalogue,
        context: DrillContext,
        events: Events,
        *,
        written: Sequence[tuple[Phase, Sequence[Step]]] = (),
        is_silent: bool = False,
    ) -> None:
        self._catalogue, self._context, self._events = catalogue, context, events
        self._written = dict(written)
        self._is_silent = is_silent
        self.results: list[StepResult] = []
        self.marks: dict[MarkName, Mark] = {}

    def mark(self, name: MarkName, moment: Mark) -> None:
        """Set a mark; of several the latest counts, except for the fault, whose first does."""
        before = self.marks.get(name)
        if before is not None and (name is MarkName.FAULT or before.monotonic >= moment.monotonic):
            return
        self.marks[name] = moment
        self._context.marks[name.value] = moment.utc
        self._events.event("mark", mark=name.value, at_utc=rfc3339(moment.utc), monotonic=moment.monotonic)

    def run_phase(
        self, phase: Phase, steps: Sequence[Step], *, is_stopping: bool = True, before: Collection[str] = ()
    ) -> bool:
        """Run the steps as a graph and say whether all ended well.

        With `is_stopping` no step is started after a failure or a cancellation (those running are waited for);
        otherwise every step whose needs are met runs, which is right for guards and rollbacks. `before`: steps that
        an earlier process of this run ended well.
        """
        done = [step.id for step in steps if step.id in before]
        begun = list(done)
        failed: list[str] = []
        running: dict[Future[StepResult], str] = {}
        with ThreadPoolExecutor(WORKERS, thread_name_prefix=phase.value) as pool:
            while True:
                if not is_stopping or not (failed or self._context.token.is_cancelled):
                    for step in ready_steps(steps, done, begun):
                        begun.append(step.id)
                        running[pool.submit(self.run_step, phase, step)] = step.id
                if not running:
                    break
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    name = running.pop(future)
                    (done if future.result().state is StepState.OK else failed).append(name)
        self._skip_rest(phase, [step for step in steps if step.id not in begun], blocked(steps, failed))
        return len(done) == len(steps)

    def run_step(self, phase: Phase, step: Step) -> StepResult:
        """Run one step to its end; whatever it raises becomes its result. Never raises."""
        context = self._context
        if step.delay_max:
            delay = context.random.uniform(0.0, step.delay_max)
            self._events.event("step.delayed", phase=phase.value, id=step.id, seconds=round(delay, 3))
            context.say(f"{step.id}: at a moment drawn at random, in up to {format_duration(step.delay_max)}")
            context.token.wait(delay)
        started = now()
        if phase is Phase.INJECT and not step.sets_up and not context.token.is_cancelled:
            self.mark(MarkName.FAULT, started)
        self._events.event("step.started", phase=phase.value, id=step.id, uses=step.uses, monotonic=started.monotonic)
        result = self._tried(phase, step, started)
        ended = now()
        result = result.model_copy(update={"ended": ended})
        context.facts.put(step.id, result.facts)
        self._keep(result)
        if step.mark and step.app in (None, context.scope.app) and result.state is StepState.OK:
            self.mark(step.mark, moment_of(result) or ended)
        return result

    def add(self, result: StepResult) -> None:
        """Keep the result of something that is no step of the spec, such as a control."""
        self._keep(result)

    def _tried(self, phase: Phase, step: Step, started: Mark) -> StepResult:
        """Run a step once; a rollback up to three times, because giving up there costs most."""
        tries = _ROLLBACK_TRIES if phase is Phase.ROLLBACKS else 1
        result = self._once(phase, step, started)
        for _ in range(tries - 1):
            if result.state is StepState.OK:
                break
            self._context.say(f"{step.id}: {result.detail}; again")
            sleep(_ROLLBACK_PAUSE_SECONDS)
            result = self._once(phase, step, started)
        return result

    def _once(self, phase: Phase, step: Step, started: Mark) -> StepResult:
        state, reason, detail = StepState.FAILED, "error", ""
        facts: dict[str, Any] = {}
        try:
            answer = self._call(phase, step)
        except Interrupted as error:
            detail, reason = str(error), "interrupted"
        except (DcopsError, ValidationError) as error:
            detail = str(error)
        except Exception as error:
            logger.debug("step %s", step.id, exc_info=True)
            detail, reason = f"defect in {step.uses}: {type(error).__name__}", "defect"
        else:
            state, reason, detail, facts = _read(answer)
        return StepResult(
            phase=phase, id=step.id, uses=step.uses, state=state, detail=detail, reason=reason, facts=facts,
            started=started,
        )  # fmt: skip

    def _call(self, phase: Phase, step: Step) -> Outcome | Finding:
        """Call the entry point with validated parameters."""
        kind = self._catalogue.find(step.uses)
        if kind is None:
            raise DcopsError(f'"{step.uses}" is not installed')
        if phase is not Phase.ROLLBACKS:
            self._context.token.raise_if_cancelled()
        if isinstance(kind, Action) and kind.promotes:
            require_fence(step, self._written.get(phase, ()), self.results, self._catalogue.describe())
        parameters = kind.schema.model_validate(placed(step.parameters, self._context.own_name))
        limit = step.timeout or kind.timeout_seconds

        def call() -> Outcome | Finding:
            with inside(step.id):
                return kind.run(self._context, parameters)

        return self._within(limit, phase, step.id, call)

    def _within(
        self, seconds: float, phase: Phase, name: str, call: Callable[[], Outcome | Finding]
    ) -> Outcome | Finding:
        """Give the answer of `call`, or raise TimedOut after `seconds`, Interrupted soon after the run is stopped.

        A thread cannot be ended. When the run is stopped the programs it waits for are, so that nothing of it works on
        while the way back begins; else it is left behind: what it talks to ends with this process.
        """
        answers: list[Outcome | Finding] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                answers.append(call())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        is_late = self._wait(thread, seconds, is_stoppable=phase is not Phase.ROLLBACKS)
        if is_late:
            self._context.token.raise_if_cancelled()
        if errors:
            raise errors[0]
        if not answers:
            raise TimedOut(f"did not end within {format_duration(seconds)}", where=name)
        return answers[0]

    def _wait(self, thread: threading.Thread, seconds: float, *, is_stoppable: bool) -> bool:
        """Wait for a step's thread; say whether it was given up because the run was stopped."""
        deadline = monotonic() + seconds
        token, given_up = self._context.token, 0.0
        while thread.is_alive() and monotonic() < deadline:
            thread.join(min(_POLL_SECONDS, max(0.0, deadline - monotonic())))
            if not (is_stoppable and token.is_cancelled):
                continue
            given_up = given_up or monotonic() + _STOP_GRACE_SECONDS
            if monotonic() > given_up:
                self._context.abandon()
                thread.join(_END_SECONDS)
                return True
        return False

    def _skip_rest(self, phase: Phase, steps: Sequence[Step], causes: Any) -> None:
        for step in steps:
            detail = f"waits for {causes[step.id]}" if step.id in causes else "stopped before its turn"
            moment = now()
            self._keep(
                StepResult(phase=phase, id=step.id, uses=step.uses, state=StepState.SKIPPED, detail=detail,
                           started=moment, ended=moment)
            )  # fmt: skip

    def _keep(self, result: StepResult) -> None:
        self.results.append(result)
        self._events.event(
            "step.ended",
            phase=result.phase.value,
            id=result.id,
            uses=result.uses,
            state=result.state.value,
            detail=result.detail,
            reason=result.reason,
            facts=result.facts,
            started_monotonic=result.started.monotonic,
            started_utc=rfc3339(result.started.utc),
            monotonic=result.ended.monotonic if result.ended else None,
        )
        seconds = f" ({format_duration(result.seconds)})" if result.seconds else ""
        if result.state is not StepState.SKIPPED and not self._is_silent:
            self._context.say(f"{result.phase.value}  {result.id}: {result.state.value}{seconds}  {result.detail}")


def _read(answer: Outcome | Finding) -> tuple[StepState, str, str, dict[str, Any]]:
    """Give state, reason, detail and facts of an answer; the moment of its effect travels among the facts."""
    facts: dict[str, Any] = dict(answer.facts)
    if answer.at is not None:
        facts["effect_at"] = rfc3339(answer.at)
    if isinstance(answer, Outcome):
        return StepState.OK, "", answer.detail, facts
    state = {True: StepState.OK, False: StepState.FAILED, None: StepState.UNDECIDED}[answer.is_ok]
    return state, answer.reason, answer.detail, facts

"""The use case: run a drill through its phases, always roll back, conclude, and give one result."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

from dcops.core.clock import monotonic, rfc3339, sleep
from dcops.core.errors import DcopsError
from dcops.core.exitcodes import ExitCode
from dcops.core.words import Environment
from dcops.drills.context import DrillContext
from dcops.drills.engine import Events, StepRunner, now
from dcops.drills.kinds import Catalogue
from dcops.drills.measure import figures, recovered
from dcops.drills.model import (
    TABLETOP,
    Control,
    Drill,
    Figures,
    Finding,
    Mark,
    MarkName,
    Phase,
    Recovered,
    Step,
    StepResult,
    StepState,
    Target,
    Verdict,
)
from dcops.drills.plan import is_executed, rollbacks_due, started_ids
from dcops.drills.recorded import application_as_recorded, point_as_recorded, step_as_recorded
from dcops.drills.scratch import placed
from dcops.drills.tampering import tampering
from dcops.drills.verdict import conclude, exit_code
from dcops.drills.volume import ProductionVolume, project, restored_parts, worst_seconds
from dcops.drills.watching import Watch, window_left
from dcops.records.kinds.drill_volume import WorstPart
from dcops.records.kinds.drills import DrillResult
from dcops.runs.cancel import CancelToken
from dcops.runs.ports import Notify, Urgency

logger = logging.getLogger(__name__)

_STEADY_POLL_SECONDS = 1.0
_FACTS = (
    "newest_recovered", "lost_acknowledged", "observer_rto_seconds", "observer_gap_seconds",
    "observer_lost_acknowledged",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What is fixed before a run starts, and goes into its result."""

    drill: Drill
    spec_sha256: str
    environment: Environment
    targets: dict[str, Target]
    seed: int
    also: dict[str, Target] = field(default_factory=dict)  # application -> objective for its recovery time
    volumes: Mapping[str, ProductionVolume] = field(default_factory=dict)
    worst: tuple[WorstPart, ...] = ()  # how much can be lost at worst, by what the data comes back


@dataclass
class Ending:
    """How a run ended."""

    verdict: Verdict
    reasons: tuple[str, ...]
    figures: Figures
    is_rolled_back: bool
    rollback: str
    results: list[StepResult] = field(default_factory=list)
    others: tuple[Recovered, ...] = ()

    @property
    def code(self) -> ExitCode:
        """The exit code."""
        return exit_code(self.verdict, is_rolled_back=self.is_rolled_back)


class DrillService:
    """One run of a drill."""

    def __init__(
        self, setting: Setting, catalogue: Catalogue, context: DrillContext, events: Events, notify: Notify
    ) -> None:
        self._setting, self._catalogue, self._context = setting, catalogue, context
        self._events, self._notify = events, notify
        self._began = monotonic()
        self._window_used = 0.0
        self._done: set[str] = set()
        self.runner = StepRunner(catalogue, context, events, written=setting.drill.spec.phases())

    def run(self) -> DrillResult:
        """Run the drill to its result; whatever happens after the first change, the rollbacks run."""
        self._events.event(
            "drill.started",
            drill=self._setting.drill.name,
            spec_sha256=self._setting.spec_sha256,
            seed=self._setting.seed,
        )
        return self._to_the_end(lambda: self._watched() if self._gates_hold() else None)

    def _to_the_end(self, work: Callable[[], None]) -> DrillResult:
        stopped = ""
        try:
            work()
        except Exception as error:  # a defect must not keep the world broken: the way back comes first
            logger.debug("drill", exc_info=True)
            stopped = f"defect: {type(error).__name__}"
        return self.finish(stopped)

    def resume(self) -> DrillResult:
        """Go on where an earlier process of this run died, after `restore_progress`; steps it ended well are kept."""
        self._events.event("drill.resumed", drill=self._setting.drill.name)
        ended_well = (result for result in self.runner.results if result.state is StepState.OK)
        kept = [result for result in ended_well if result.phase is not Phase.STEADY_DURING]
        self._done = {result.id for result in kept}
        self.runner.results = kept
        return self._to_the_end(self._watched)

    def restore_progress(
        self, results: Sequence[StepResult], marks: dict[MarkName, Mark], began: datetime | None = None
    ) -> None:
        """Take over what an earlier process of this run did, from its events; its window goes on from `began`."""
        self._window_used = (now().utc - began).total_seconds() if began else 0.0
        self.runner.results = list(results)
        self.runner.marks = dict(marks)
        self._context.marks.update({name.value: mark.utc for name, mark in marks.items()})
        for result in results:
            self._context.facts.put(result.id, result.facts)

    def finish(self, stopped: str = "") -> DrillResult:
        """Roll back what was started, require the steady state, conclude and give the result."""
        token = self._context.token
        aborted = stopped or (f"stopped by {token.reason}" if token.is_cancelled else "")
        is_rolled_back, rollback = self._roll_back()
        measured = self._figures()
        others = self._others()
        verdict, reasons = conclude(self.runner.results, measured, self._setting.targets, aborted=aborted,
            is_measured=not self._is_tabletop, others=others,
        )  # fmt: skip
        ending = Ending(verdict, reasons, measured, is_rolled_back, rollback, self.runner.results, others)
        self._events.event("drill.ended", verdict=verdict.value, reasons=list(reasons), rollback=rollback)
        if not is_rolled_back:
            subject = f"drill {self._setting.drill.name}: the rollback is incomplete"
            body = (
                f"run {self._context.run_id}: {rollback}. Runbook: runbooks/{self._setting.drill.metadata.runbook}.md"
            )
            self._notify.send(Urgency.PAGE, subject, body)
        return self._result(ending)

    @property
    def _is_tabletop(self) -> bool:
        return self._setting.drill.spec.type == TABLETOP

    # -- phases ------------------------------------------------------------------------------------------------

    def _gates_hold(self) -> bool:
        """Ask every guard, then the steady state; nothing is touched by either."""
        spec = self._setting.drill.spec
        if not self.runner.run_phase(Phase.GUARDS, spec.guards, is_stopping=False):
            return False
        return self.runner.run_phase(Phase.STEADY_BEFORE, spec.steady_state, is_stopping=False)

    def _watched(self) -> None:
        """Do the method while the steady state's continuous probes and the window are looked at."""
        spec = self._setting.drill.spec
        used = self._window_used + monotonic() - self._began
        left = window_left(spec.window.max_duration, used) if spec.window else None
        watch = Watch(spec.steady_state, spec.abort_on, left, self._ask_aside, self._context.token, self._events, now)
        try:
            with watch:
                self._method()
        finally:
            for result in watch.results:
                self.runner.add(result)

    def _ask_aside(self, step: Step) -> StepResult:
        """Ask a probe without keeping its answer."""
        trial = StepRunner(self._catalogue, self._context, _Silent(), is_silent=True)
        return trial.run_step(Phase.STEADY_DURING, step)

    def _method(self) -> None:
        """Inject, detect, declare, recover, verify, control; stop at the first phase that does not end well."""
        spec, runner = self._setting.drill.spec, self.runner
        if spec.type == "restore":  # nothing is lost: the clock starts where a loss would have been declared
            runner.mark(MarkName.FAULT, now())
        for phase, steps in ((Phase.INJECT, spec.inject), (Phase.DETECT, spec.detect), (Phase.DECLARE, spec.declare)):
            if self._context.token.is_cancelled:
                return
            is_good = runner.run_phase(phase, steps, is_stopping=not self._is_tabletop, before=self._done)
            if not is_good and not self._is_tabletop:
                return
            if phase is Phase.DETECT:
                self._mark_end(Phase.DETECT, MarkName.DETECT)
        self._mark_end(Phase.DECLARE, MarkName.DECLARE)
        if MarkName.START not in runner.marks and not self._is_tabletop:
            runner.mark(MarkName.START, now())
        # People around a table go on to the next question; where something is recovered the first failure ends it.
        is_recovered = runner.run_phase(
            Phase.RECOVER, spec.recover, is_stopping=not self._is_tabletop, before=self._done
        )
        if not is_recovered and not self._is_tabletop:
            return
        if runner.run_phase(Phase.VERIFY, spec.verify, is_stopping=False, before=self._done):
            self._mark_end(Phase.VERIFY, MarkName.VERIFIED)
        if spec.controls and not self._context.token.is_cancelled:
            self._controls(spec.controls)

    def _mark_end(self, phase: Phase, name: MarkName) -> None:
        """Set a mark at the latest end of a phase's steps; a tabletop has no times, because nothing happened."""
        if self._is_tabletop:
            return
        ends = [each.ended for each in self.runner.results if each.phase is phase and each.ended]
        if ends:
            self.runner.mark(name, max(ends, key=lambda mark: mark.monotonic))

    def _controls(self, controls: Sequence[Control]) -> None:
        """Show that each check can fail: on what is wrong in one way it must fail for that reason."""
        steps = {step.id: step for step in self._setting.drill.spec.verify}
        for control in controls:
            if control.id in self._done:
                continue
            started = now()
            aside = replace(self._context)  # continuous probes go on meeting what is real
            try:
                with tampering(aside, control):
                    finding = self._probe(aside, steps[control.of].uses, dict(steps[control.of].parameters))
            except DcopsError as error:
                finding = Finding(is_ok=None, reason="error", detail=str(error))
            state, detail = judge_control(control, finding)
            self.runner.add(
                StepResult(phase=Phase.CONTROLS, id=control.id, uses=steps[control.of].uses, state=state,
                           detail=detail, reason=finding.reason, started=started, ended=now())
            )  # fmt: skip

    def _probe(self, context: DrillContext, uses: str, parameters: dict[str, object]) -> Finding:
        probe = self._catalogue.probes[uses]
        answered: Finding = probe.run(context, probe.schema.model_validate(placed(parameters, context.own_name)))
        return answered

    # -- the way back ------------------------------------------------------------------------------------------

    def _roll_back(self) -> tuple[bool, str]:
        """Undo everything that was started, then wait for the steady state; say whether all of it worked."""
        results, spec = self.runner.results, self._setting.drill.spec
        started = started_ids(results)
        finished = [r.id for r in results if r.phase is Phase.ROLLBACKS and r.state is StepState.OK]
        due = rollbacks_due(spec.rollbacks.steps, started, finished)
        if not started or self._is_tabletop:
            return True, "not needed: nothing was touched"
        self._context.token = CancelToken()  # a signal is counted, but never stops the way back
        self._context.say(f"rolling back: {len(due)} steps")
        is_done = self.runner.run_phase(Phase.ROLLBACKS, due, is_stopping=False)
        is_steady = self._is_steady_again()
        self._mark_end(Phase.ROLLBACKS, MarkName.FAILBACK)
        left = [r.id for r in self.runner.results if r.phase is Phase.ROLLBACKS and r.state is not StepState.OK]
        if is_done and is_steady:
            return True, "complete, steady state holds again"
        return False, f"incomplete: {', '.join(left) or 'the steady state does not hold'}"

    def _is_steady_again(self) -> bool:
        """Ask the steady state until it holds or the settling time is over; keep the last answers only."""
        spec = self._setting.drill.spec
        deadline = monotonic() + spec.rollbacks.settle
        while True:
            trial = StepRunner(self._catalogue, self._context, _Silent(), is_silent=True)
            if trial.run_phase(Phase.STEADY_AFTER, spec.steady_state, is_stopping=False) or monotonic() > deadline:
                for result in trial.results:
                    self.runner.add(result)
                return all(result.state is StepState.OK for result in trial.results)
            sleep(_STEADY_POLL_SECONDS)

    # -- the result --------------------------------------------------------------------------------------------

    def _figures(self) -> Figures:
        facts = {name: self._context.facts.find(name) for name in _FACTS}
        steps = [each.facts for each in self.runner.results if each.phase is Phase.RECOVER]
        found = [step.get(name) for step in steps for name in ("database_bytes", "files_bytes")]
        restored = sum(each for each in found if isinstance(each, int))
        return figures(self.runner.marks, facts, restored or None)

    def _others(self) -> tuple[Recovered, ...]:
        """Give when each other application of the drill served again."""
        setting = self._setting
        return recovered(setting.drill.spec.recover, self.runner.results, self.runner.marks, setting.also)

    def _result(self, ending: Ending) -> DrillResult:
        setting, marks = self._setting, self.runner.marks
        measured, targets = ending.figures, setting.targets
        return DrillResult(
            drill=setting.drill.name,
            drill_version=setting.drill.metadata.version,
            spec_sha256=setting.spec_sha256,
            app=setting.drill.spec.scope.app,
            subject=setting.drill.spec.scope.subject,
            environment=setting.environment.value,
            is_rehearsal=setting.environment.is_rehearsal,
            verdict=ending.verdict.value,
            drill_type=setting.drill.spec.type,
            executed=is_executed(ending.results, setting.drill.spec.type),
            exit_code=int(ending.code),
            reasons=list(ending.reasons),
            marks={name.value: rfc3339(mark.utc) for name, mark in marks.items()},
            rto_target_seconds=targets["rto"].seconds,
            rpo_target_seconds=targets["rpo"].seconds if "rpo" in targets else None,
            target_standing={name: target.standing for name, target in targets.items()},
            recovery_point=point_as_recorded(self._context.point),
            seed=setting.seed,
            rollback=ending.rollback,
            applications=[application_as_recorded(each) for each in ending.others],
            steps=[step_as_recorded(result) for result in ending.results],
            duration_seconds=round(monotonic() - self._began, 3),
            **self._reckoned(measured),
            **measured.model_dump(),
        )

    def _reckoned(self, measured: Figures) -> dict[str, Any]:
        """Give what stands beside the measurements: the loss at worst, and an estimate for production's volume."""
        setting = self._setting
        spec, volumes = setting.drill.spec, setting.volumes
        parts = restored_parts(spec.recover, self.runner.results, spec.scope.app, volumes)
        projection = project(parts, measured, self.runner.marks, volumes)
        worst = {"worst_rpo_seconds": worst_seconds(setting.worst), "worst_rpo_parts": list(setting.worst)}
        return worst | {"projected_rto_seconds": projection and projection.rto_seconds, "projection": projection}


class _Silent:
    """Drops events of trials that are not kept."""

    def event(self, name: str, /, **fields: object) -> None:
        """Keep nothing."""


def judge_control(control: Control, finding: Finding) -> tuple[StepState, str]:
    """Say whether a check failed on tampered data for its own reason."""
    if finding.is_ok is False and finding.reason == control.expect:
        return StepState.OK, f"{control.of} fails on {control.tamper} as it must: {finding.reason}"
    answer = {True: "passed", False: f"failed for {finding.reason}", None: "could not decide"}[finding.is_ok]
    return StepState.FAILED, f"{control.of} {answer} on {control.tamper}, expected {control.expect}"


def targets_from(rto: object, rpo: object) -> dict[str, Target]:
    """Give the objectives of an application from its inventory values (each a Value or None)."""
    return {"rto": _target(rto), "rpo": _target(rpo)}


def _target(value: object) -> Target:
    seconds = getattr(value, "value", None)
    if seconds is None:
        return Target(seconds=None, standing="unset")
    return Target(seconds=float(seconds), standing="adopted" if getattr(value, "is_adopted", False) else "proposed")


def draw(seed: int) -> Random:
    """Give the random numbers of a run; the seed is in its result, so a run can be repeated."""
    return Random(seed)  # noqa: S311 - it draws a moment, not a secret

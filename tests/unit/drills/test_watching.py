"""What stops a drill while it runs: a probe that fails too often, the end of its window; and what is only counted."""

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from dcops.core import process
from dcops.core.errors import CommandError
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import AbortOn, Drill, Finding, Step, StepState, Window
from dcops.drills.service import DrillService
from dcops.drills.watching import Tally, describe, window_left
from dcops.records.kinds.drills import DrillResult
from dcops.runs.cancel import CancelToken
from tests.unit.drills.test_service import DRILL, POINT, Key, World, is_as_before, service

OK, FAILED, UNDECIDED = StepState.OK, StepState.FAILED, StepState.UNDECIDED


@pytest.mark.parametrize(
    ("answers", "limit", "breaks_at", "state"),
    [
        ([OK, FAILED, FAILED, OK], 2, 2, FAILED),
        ([FAILED, OK, FAILED, OK], 2, None, OK),
        ([FAILED, UNDECIDED, FAILED, OK], 2, None, OK),
        ([OK, FAILED, OK], 1, 1, FAILED),
        ([UNDECIDED, UNDECIDED], 1, None, UNDECIDED),
        ([UNDECIDED, OK], 1, None, OK),
    ],
)
def test_only_failures_in_a_row_break_a_probe(
    answers: list[StepState], limit: int, breaks_at: int | None, state: StepState
) -> None:
    tally = Tally(limit)
    breaks = [index for index, answer in enumerate(answers) if tally.add(answer, "why")]
    assert breaks == ([] if breaks_at is None else [breaks_at])
    assert tally.state is state


def test_it_breaks_once() -> None:
    tally = Tally(1)
    assert [tally.add(FAILED, "") for _ in range(3)] == [True, False, False]


WATCHED = Step(id="production", uses="w.production", mode="continuous", every=0.02)


def drill(**more: Any) -> Drill:
    spec = DRILL.spec.model_copy(update={"steady_state": (*DRILL.spec.steady_state, WATCHED), **more})
    return DRILL.model_copy(update={"spec": spec})


class Production(World):
    """A world whose production is looked at while a drill loads its copy, which takes until `enough` looks."""

    def __init__(self, answers: Callable[[int], bool | None], enough: int = 6) -> None:
        super().__init__()
        self.answers, self.enough, self.looks = answers, enough, 0
        self.is_loading = False
        self.trouble["w.copy"] = self.load

    def load(self, context: DrillContext) -> None:
        self.is_loading = True
        for _ in range(500):
            if self.looks >= self.enough or context.token.wait(0.01):
                break
        self.is_loading = False
        context.token.raise_if_cancelled()

    def look(self, _: DrillContext, __: Key) -> Finding:
        if not self.is_loading:
            return Finding(is_ok=True)
        self.looks += 1
        return Finding(is_ok=self.answers(self.looks), reason="down", detail=f"look {self.looks}")

    def made(self, spec: Drill) -> tuple[DrillService, DrillContext]:
        made, context = service(self, drill=spec)
        cast(Any, made._catalogue.probes)["w.production"] = Probe("w.production", "", Key, self.look)
        return made, context

    def run(self, spec: Drill) -> DrillResult:
        return self.made(spec)[0].run()


def during(result: DrillResult) -> tuple[str, str]:
    (step,) = (step for step in result.steps if step.phase == "steady_during")
    return step.state, step.detail


def test_a_steady_state_that_holds_is_counted_and_passes() -> None:
    world = Production(lambda _: True)
    result = world.run(drill(abort_on=AbortOn(probes={"production": 2})))
    assert result.verdict == "PASS", result.reasons
    state, detail = during(result)
    assert state == "ok"
    assert detail.endswith("failed 0, undecided 0")
    assert is_as_before(world)


def test_a_probe_that_fails_too_often_aborts_and_rolls_back() -> None:
    world = Production(lambda look: look < 2, enough=1000)
    result = world.run(drill(abort_on=AbortOn(probes={"production": 3})))
    assert (result.verdict, result.exit_code) == ("ABORTED", 23)
    assert result.reasons == ["stopped by production, which failed 3 times in a row: look 4"]
    assert during(result)[0] == "failed"
    assert is_as_before(world)
    assert "w.rows" not in world.log
    names = [event.name for event in world.events]
    assert names.index("steady.failed") < names.index("drill.aborting") < names.index("drill.ended")


def test_failures_that_are_not_in_a_row_stop_nothing() -> None:
    world = Production(lambda look: look % 2 == 0)
    assert world.run(drill(abort_on=AbortOn(probes={"production": 2}))).verdict == "PASS"
    names = [event.name for event in world.events]
    assert names.count("steady.failed") >= 2
    assert names.count("steady.again") >= 2


def test_a_failure_that_aborts_nothing_is_a_fail() -> None:
    result = Production(lambda look: look != 2).run(drill())
    assert result.verdict == "FAIL"
    assert result.reasons[0].startswith("steady_during production: asked ")
    assert result.reasons[0].endswith("failed 1, undecided 0; last: look 2")


def test_an_answer_nobody_ever_got_proves_nothing() -> None:
    world = Production(lambda _: None)
    world.is_loading = True
    made, context = world.made(drill())
    context.point = POINT
    world.trouble["w.copy"] = lambda _: time.sleep(0.2)  # while it is asked, from the first time to the last
    made._watched()
    world.is_loading = False
    result = made.finish()
    assert result.verdict == "INCONCLUSIVE"
    assert during(result)[0] == "undecided"


def test_the_end_of_the_window_aborts() -> None:
    world = Production(lambda _: True, enough=1000)
    result = world.run(drill(window=Window(max_duration=0.2), abort_on=AbortOn(window_end=True)))
    assert (result.verdict, result.reasons) == ("ABORTED", ["stopped by the end of its window"])
    assert is_as_before(world)


def test_the_window_of_a_resumed_run_goes_on_from_its_beginning() -> None:
    world = Production(lambda _: True, enough=1000)
    made, context = world.made(drill(window=Window(max_duration=3600), abort_on=AbortOn(window_end=True)))
    context.point = POINT
    made.restore_progress([], {}, datetime.now(UTC) - timedelta(hours=2))
    assert made.resume().reasons == ["stopped by the end of its window"]
    assert window_left(60, 90) == 0


def test_a_step_that_does_not_look_is_given_up_and_its_programs_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that only waits for its program: the run is stopped, the program is ended, nothing of it works on."""
    monkeypatch.setattr("dcops.drills.engine._STOP_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(process, "_running", weakref.WeakSet())  # this test's programs, not those of other tests
    world, ended, token = World(), threading.Event(), CancelToken()

    def load(_: DrillContext) -> None:
        threading.Timer(0.2, token.cancel, ("SIGTERM",)).start()
        try:
            process.run(["sleep", "60"], timeout_seconds=60)
        except CommandError:
            ended.set()
            raise

    world.trouble["w.copy"] = load
    made, context = service(world, token)
    context.abandon = process.end_running
    began = time.monotonic()
    result = made.run()
    assert result.verdict == "ABORTED"
    assert ended.is_set()
    assert time.monotonic() - began < 50
    assert is_as_before(world)


def test_rollbacks_are_not_given_up() -> None:
    token = CancelToken()
    world = World()
    world.trouble["w.copy"] = lambda _: token.cancel("SIGTERM")
    world.trouble["w.mend"] = lambda _: time.sleep(0.5)
    made, _ = service(world, token)
    made._setting = replace(made._setting)
    assert made.run().verdict == "ABORTED"
    assert is_as_before(world)


def test_what_ends_a_run_early_can_be_read() -> None:
    assert describe(AbortOn(probes={"p": 2}, window_end=True), 5400) == [
        "p failing 2 times in a row", "after 1 h 30 min", "an operator"
    ]  # fmt: skip

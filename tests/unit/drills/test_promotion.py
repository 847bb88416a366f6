"""Nothing is promoted while the first copy may still accept: refused by the lint, and by the engine again."""

from typing import Any, cast

import pytest

from dcops.core.errors import DcopsError
from dcops.core.words import BlastClass, Environment, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.engine import StepRunner
from dcops.drills.kinds import Action, Catalogue, Probe
from dcops.drills.model import Drill, Finding, Outcome, Phase, Scope, StepState
from dcops.drills.promotion import unfenced
from dcops.drills.service import draw
from dcops.runs.cancel import CancelToken

SCOPE = {"app": "naskah", "service": "s", "run_at": "drc", "from_site": "jkt", "to_site": "drc"}
HINT = "Let it need a step whose probe shows the fence, or declare by declare.signed."


class Nothing(Frozen):
    """No parameters."""


class World:
    """What was promoted, and what the fence and the two people say."""

    def __init__(self, *, fence: bool | None = True, signed: bool = True) -> None:
        self.fence, self.signed, self.promoted = fence, signed, 0

    def catalogue(self) -> Catalogue:
        def promote(_: DrillContext, __: Nothing) -> Outcome:
            self.promoted += 1
            return Outcome(detail="promoted")

        def declare(_: DrillContext, __: Nothing) -> Outcome:
            if not self.signed:
                raise DcopsError("one signature of two")
            return Outcome(detail="signed")

        actions = [
            Action("w.promote", "", Nothing, BlastClass.DISRUPT, promote, promotes=True),
            Action("w.signed", "", Nothing, BlastClass.OBSERVE, declare, permits_promotion=True),
            Action("w.other", "", Nothing, BlastClass.CHANGE, lambda *_: Outcome(detail="")),
        ]
        fenced = Probe("w.fenced", "", Nothing, lambda *_: Finding(is_ok=self.fence), fences=True)
        return Catalogue({each.name: each for each in actions}, {"w.fenced": fenced})


def drill(recover: list[dict[str, Any]], **more: Any) -> Drill:
    return Drill.model_validate({
        "apiVersion": "dcops/v1", "kind": "Drill",
        "metadata": {"name": "p", "title": {"id": "a", "en": "b"}, "owner": "o", "version": 1, "runbook": "p"},
        "spec": {"type": "component", "environments": ["twin"], "scope": SCOPE, "recover": recover, **more},
    })  # fmt: skip


def step(name: str, uses: str, *needs: str) -> dict[str, Any]:
    return {"id": name, "uses": uses, "needs": list(needs)}


DIRECT = [step("fence", "w.fenced"), step("up", "w.promote", "fence")]
THROUGH = [step("fence", "w.fenced"), step("load", "w.other", "fence"), step("up", "w.promote", "load")]
BESIDE = [step("fence", "w.fenced"), step("up", "w.promote")]
AFTER = [step("up", "w.promote"), step("fence", "w.fenced", "up")]
SIGNED = [step("said", "w.signed")]
KINDS = World().catalogue().describe()


@pytest.mark.parametrize("recover", [DIRECT, THROUGH])
def test_a_fence_in_the_chain_is_enough(recover: list[dict[str, Any]]) -> None:
    assert list(unfenced(drill(recover), KINDS)) == []


@pytest.mark.parametrize(("recover", "index"), [(BESIDE, 1), (AFTER, 0)])
def test_a_fence_beside_or_after_it_is_none(recover: list[dict[str, Any]], index: int) -> None:
    message = '"w.promote" promotes and waits for no fence'
    assert list(unfenced(drill(recover), KINDS)) == [(Phase.RECOVER, index, message, HINT)]


def test_a_signed_declaration_stands_in_for_the_fence() -> None:
    assert list(unfenced(drill(BESIDE, declare=SIGNED), KINDS)) == []


def test_a_signed_declaration_belongs_into_its_phase() -> None:
    found = list(unfenced(drill([*SIGNED, *BESIDE]), KINDS))
    assert [(phase, index) for phase, index, _, _ in found] == [(Phase.RECOVER, 0), (Phase.RECOVER, 2)]


def test_a_promotion_on_the_way_back_waits_for_a_fence_too() -> None:
    back = {"rollbacks": {"steps": [step("back", "w.promote")]}}
    assert [(phase, index) for phase, index, _, _ in unfenced(drill(DIRECT, **back), KINDS)] == [(Phase.ROLLBACKS, 0)]


class Silent:
    """Keeps no event."""

    def event(self, name: str, /, **fields: Any) -> None:
        """Keep nothing."""


def run(world: World, written: Drill, *phases: Phase) -> StepRunner:
    absent = cast(Any, None)
    context = DrillContext(
        run_id="RUN", scope=Scope(**SCOPE), environment=Environment.TWIN, faults=absent, hosts=absent, recovery=absent,
        databases=absent, routes=absent, web=absent, observer=absent, random=draw(7), token=CancelToken(),
        say=lambda _: None,
    )  # fmt: skip
    runner = StepRunner(world.catalogue(), context, Silent(), written=written.spec.phases())
    steps = dict(written.spec.phases())
    for phase in phases:
        runner.run_phase(phase, steps[phase])
    return runner


def states(runner: StepRunner) -> dict[str, StepState]:
    return {result.id: result.state for result in runner.results}


@pytest.mark.parametrize("recover", [DIRECT, THROUGH])
def test_the_engine_promotes_behind_a_fence_that_held(recover: list[dict[str, Any]]) -> None:
    world = World()
    assert states(run(world, drill(recover), Phase.RECOVER))["up"] is StepState.OK
    assert world.promoted == 1


@pytest.mark.parametrize("fence", [False, None])
def test_a_fence_that_does_not_hold_stops_it(fence: bool | None) -> None:
    world = World(fence=fence)
    assert states(run(world, drill(DIRECT), Phase.RECOVER))["up"] is StepState.SKIPPED
    assert world.promoted == 0


@pytest.mark.parametrize("recover", [BESIDE, AFTER])
def test_the_engine_refuses_what_the_lint_never_saw(recover: list[dict[str, Any]]) -> None:
    world = World()
    runner = run(world, drill(recover), Phase.RECOVER)
    assert states(runner)["up"] is StepState.FAILED
    assert "no proof that the first copy acknowledges nothing" in next(r for r in runner.results if r.id == "up").detail
    assert world.promoted == 0


@pytest.mark.parametrize(("signed", "promoted"), [(True, 1), (False, 0)])
def test_only_a_declaration_that_was_signed_lets_it_pass(signed: bool, promoted: int) -> None:
    world = World(fence=False, signed=signed)
    run(world, drill([step("up", "w.promote")], declare=SIGNED), Phase.DECLARE, Phase.RECOVER)
    assert world.promoted == promoted


def test_a_fence_that_this_run_did_not_see_counts_for_nothing() -> None:
    world, written = World(), drill(DIRECT)
    runner = run(world, written)
    runner.run_phase(Phase.RECOVER, written.spec.recover, before=["fence"])
    assert world.promoted == 0

"""Applications of one drill: each waits for those it depends on, and each is held against its own objective."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcops.drills.measure import recovered
from dcops.drills.model import Drill, Figures, Mark, MarkName, Phase, StepResult, StepState, Target, Verdict
from dcops.drills.order import out_of_order, unserved
from dcops.drills.verdict import conclude

NEEDS = {"archive": ("letters",), "front": ("archive", "attendance", "elsewhere")}
START = datetime(2026, 11, 24, tzinfo=UTC)


def drill(*steps: dict[str, Any], also: tuple[str, ...] = ("archive", "attendance", "front")) -> Drill:
    scope = {"app": "letters", "service": "s", "run_at": "b", "from_site": "a", "to_site": "b", "also": also}
    return Drill.model_validate({
        "apiVersion": "dcops/v1", "kind": "Drill",
        "metadata": {"name": "d", "title": {"id": "x", "en": "x"}, "owner": "o", "version": 1, "runbook": "d"},
        "spec": {"type": "component", "environments": ["twin"], "scope": scope, "recover": list(steps)},
    })  # fmt: skip


def serve(app: str, *needs: str) -> dict[str, Any]:
    step: dict[str, Any] = {"id": app, "uses": "service.healthy", "needs": list(needs), "mark": "t_service"}
    return step if app == "letters" else {**step, "app": app}


def test_whatever_depends_waits_for_what_it_needs() -> None:
    good = drill(
        serve("letters"), serve("archive", "letters"), serve("attendance"), serve("front", "archive", "attendance")
    )
    assert list(out_of_order(good, NEEDS)) == []
    assert unserved(good) == ()


def test_a_step_that_does_not_wait_is_named_with_what_it_lacks() -> None:
    bad = drill(serve("letters"), serve("archive"), serve("attendance"), serve("front", "archive"))
    found = list(out_of_order(bad, NEEDS))
    assert [(index, hint) for index, _, hint in found] == [
        (1, "Let it need letters."),
        (3, "Let it need letters."),  # near and far: archive itself does not wait for it
        (3, "Let it need attendance."),
    ]
    assert '"front" serves front and does not wait for attendance, which it depends on' in found[2][1]


def test_an_application_that_no_step_serves_is_named() -> None:
    assert unserved(drill(serve("letters"), serve("archive", "letters"), also=("archive", "front"))) == ("front",)


def result(name: str, seconds: float, state: StepState = StepState.OK) -> StepResult:
    mark = Mark(utc=START + timedelta(seconds=seconds), monotonic=seconds)
    return StepResult(phase=Phase.RECOVER, id=name, uses="service.healthy", state=state, started=mark, ended=mark)


GOAL = Target(seconds=30.0, standing="proposed")


@pytest.mark.parametrize(
    ("ended", "state", "verdict", "words"),
    [
        (20.0, StepState.OK, Verdict.PASS, ""),
        (50.0, StepState.OK, Verdict.FAIL, "archive: rto 40.0 s is over the proposed target 30.0 s"),
    ],
)
def test_each_application_is_held_against_its_own_objective(
    ended: float, state: StepState, verdict: Verdict, words: str
) -> None:
    steps = drill(serve("letters"), serve("archive", "letters"), also=("archive",)).spec.recover
    marks = {MarkName.FAULT: Mark(utc=START, monotonic=10.0)}
    others = recovered(steps, [result("archive", ended, state)], marks, {"archive": GOAL})
    assert others[0].rto_service_seconds == ended - 10.0
    figures = Figures(rto_verified_seconds=1.0, rpo_seconds=1.0)
    found, reasons = conclude([], figures, {"rto": GOAL, "rpo": GOAL}, others=others)
    assert found is verdict
    assert ([words] if words else []) == list(reasons)


def test_an_application_that_did_not_come_back_or_has_no_objective_leaves_it_open() -> None:
    steps = drill(serve("letters"), serve("archive", "letters"), also=("archive",)).spec.recover
    marks = {MarkName.FAULT: Mark(utc=START, monotonic=10.0)}
    others = recovered(steps, [result("archive", 20.0, StepState.FAILED)], marks, {"archive": GOAL})
    unset = recovered(steps, [result("archive", 20.0)], marks, {"archive": Target(seconds=None, standing="unset")})
    figures = Figures(rto_verified_seconds=1.0, rpo_seconds=1.0)
    for each, word in ((others, "archive was not seen to serve again"), (unset, "archive: no rto target is set")):
        found, reasons = conclude([], figures, {"rto": GOAL, "rpo": GOAL}, others=each)
        assert found is Verdict.INCONCLUSIVE
        assert word in reasons[0]

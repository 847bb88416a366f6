"""Figures from marks and ledger, and the verdict from them."""

from datetime import UTC, datetime, timedelta

import pytest

from dcops.core.exitcodes import ExitCode
from dcops.drills.history import Progress, rebased
from dcops.drills.measure import between, figures, lost_letters, outage
from dcops.drills.model import (
    Attempt,
    Figures,
    Mark,
    MarkName,
    Phase,
    StepResult,
    StepState,
    Target,
    Verdict,
)
from dcops.drills.verdict import conclude, exit_code

FAULT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TARGETS = {"rto": Target(seconds=900, standing="proposed"), "rpo": Target(seconds=3600, standing="proposed")}
GOOD = Figures(rto_service_seconds=20, rto_verified_seconds=25, rpo_seconds=60, lost_acknowledged=12,
               restored_bytes=10, observer_rto_seconds=20.4, observer_lost_acknowledged=12)  # fmt: skip


def mark(seconds: float) -> Mark:
    return Mark(utc=FAULT + timedelta(seconds=seconds), monotonic=100.0 + seconds)


def attempt(seconds: float, *, ok: bool = True, site: str = "jkt", latency: float = 0.05, name: str = "") -> Attempt:
    at = FAULT + timedelta(seconds=seconds)
    return Attempt(
        at=at, id=name or f"{seconds}", is_acknowledged=ok, site=site if ok else None, latency_seconds=latency
    )


def result(phase: Phase, state: StepState, name: str = "x", detail: str = "why") -> StepResult:
    return StepResult(phase=phase, id=name, uses="a.b", state=state, detail=detail, started=mark(0), ended=mark(1))


def test_the_outage_is_what_clients_lived() -> None:
    seen = outage(
        [attempt(-0.4), attempt(1.9, ok=False, latency=1.8), attempt(2.4, ok=False, latency=2.0),
         attempt(20.5, site="drc"), attempt(21.0, site="drc")],
        FAULT,
    )  # fmt: skip
    assert seen.rto_seconds == 20.5
    assert seen.gap_seconds == pytest.approx(20.4)
    assert (seen.site_again, seen.failed) == ("drc", 2)


def test_an_answer_to_an_earlier_client_does_not_end_the_outage() -> None:
    """A letter sent before the fault may be acknowledged just after the first failure."""
    seen = outage([attempt(0.2, ok=False, latency=0.1), attempt(0.3, latency=0.9), attempt(9, site="drc")], FAULT)
    assert seen.rto_seconds == 9


def test_only_the_site_asked_for_ends_it() -> None:
    seen = outage([attempt(1, ok=False), attempt(2, site="jkt"), attempt(9, site="drc")], FAULT, at_site="drc")
    assert (seen.rto_seconds, seen.site_again) == (9, "drc")


def test_no_failure_is_no_outage() -> None:
    assert outage([attempt(-1), attempt(1)], FAULT).rto_seconds is None


def test_lost_letters_are_the_acknowledged_ones_that_are_missing() -> None:
    attempts = [attempt(-3, name="a"), attempt(-2, name="b"), attempt(-1, ok=False, name="c")]
    assert lost_letters(attempts, {"a"}) == ("b",)


def test_figures_come_from_marks_and_facts() -> None:
    marks = {MarkName.FAULT: mark(0), MarkName.START: mark(2), MarkName.DATA: mark(12), MarkName.SERVICE: mark(14.5),
             MarkName.VERIFIED: mark(20)}  # fmt: skip
    found = figures(marks, {"newest_recovered": "2026-11-24T11:59:00Z", "lost_acknowledged": 3}, 1000)
    assert (found.rto_service_seconds, found.rto_verified_seconds, found.rpo_seconds) == (14.5, 20, 60)
    assert found.restore_bytes_per_second == 100
    assert between(marks, MarkName.FAULT, MarkName.FAILBACK) is None


def test_without_restored_data_no_bytes_are_claimed() -> None:
    assert figures({MarkName.FAULT: mark(0)}, {}, 1000).restored_bytes is None


def test_a_good_run_passes() -> None:
    assert conclude([result(Phase.VERIFY, StepState.OK)], GOOD, TARGETS) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    ("results", "changes", "verdict", "word"),
    [
        ([result(Phase.GUARDS, StepState.FAILED)], {}, Verdict.REFUSED, "why"),
        ([result(Phase.STEADY_BEFORE, StepState.UNDECIDED)], {}, Verdict.REFUSED, "why"),
        ([result(Phase.RECOVER, StepState.FAILED)], {}, Verdict.FAIL, "why"),
        ([result(Phase.RECOVER, StepState.UNDECIDED)], {}, Verdict.INCONCLUSIVE, "why"),
        ([result(Phase.VERIFY, StepState.FAILED)], {}, Verdict.FAIL, "why"),
        ([result(Phase.VERIFY, StepState.UNDECIDED)], {}, Verdict.INCONCLUSIVE, "why"),
        ([result(Phase.DETECT, StepState.UNDECIDED)], {}, Verdict.INCONCLUSIVE, "why"),
        ([result(Phase.CONTROLS, StepState.FAILED)], {}, Verdict.INCONCLUSIVE, "why"),
        ([], {"rto_verified_seconds": 901.0}, Verdict.FAIL, "proposed target 15 min 00 s"),
        ([], {"rpo_seconds": 3601.0}, Verdict.FAIL, "rpo"),
        ([], {"observer_rto_seconds": 21.5}, Verdict.INCONCLUSIVE, "by the outside observer"),
        ([], {"observer_rto_seconds": None}, Verdict.INCONCLUSIVE, "saw no outage"),
        ([], {"observer_lost_acknowledged": 11}, Verdict.INCONCLUSIVE, "lost acknowledged"),
        ([], {"rpo_seconds": None}, Verdict.INCONCLUSIVE, "recovery point was not measured"),
    ],
)
def test_each_way_not_to_pass(
    results: list[StepResult], changes: dict[str, float], verdict: Verdict, word: str
) -> None:
    found, reasons = conclude(results, GOOD.model_copy(update=changes), TARGETS)
    assert found is verdict
    assert any(word in reason for reason in reasons)


def test_an_unset_target_proves_nothing() -> None:
    targets = {**TARGETS, "rto": Target(seconds=None, standing="unset")}
    verdict, reasons = conclude([], GOOD, targets)
    assert verdict is Verdict.INCONCLUSIVE
    assert "no rto target" in reasons[0]


def test_a_failure_outweighs_what_is_unclear() -> None:
    results = [result(Phase.RECOVER, StepState.FAILED), result(Phase.CONTROLS, StepState.FAILED)]
    assert conclude(results, GOOD, TARGETS)[0] is Verdict.FAIL


def test_stopped_by_somebody_is_aborted() -> None:
    assert conclude([result(Phase.RECOVER, StepState.FAILED)], GOOD, TARGETS, aborted="SIGTERM")[0] is Verdict.ABORTED


def test_exit_codes() -> None:
    codes = [exit_code(verdict, is_rolled_back=True) for verdict in Verdict]
    assert codes == [0, 20, 21, 22, 23]
    assert {exit_code(verdict, is_rolled_back=False) for verdict in Verdict} == {ExitCode.ROLLBACK_INCOMPLETE}


def test_progress_of_an_earlier_boot_is_reckoned_by_the_wall_clock() -> None:
    """After a reboot the monotonic clock begins anew: compared with the old one, recovery would precede the fault."""
    step = result(Phase.DETECT, StepState.OK)
    before = Progress(drill="x", results=[step], marks={MarkName.FAULT: mark(0)})
    after = Mark(utc=FAULT + timedelta(seconds=300), monotonic=5.0)
    moved = rebased(before, after)
    assert between({**moved.marks, MarkName.SERVICE: after}, MarkName.FAULT, MarkName.SERVICE) == 300
    assert moved.results[0].seconds == step.seconds
    assert between({**before.marks, MarkName.SERVICE: after}, MarkName.FAULT, MarkName.SERVICE) == -95


def test_what_restores_no_data_is_held_against_its_recovery_time_alone() -> None:
    measured, only = Figures(rto_verified_seconds=25), {"rto": TARGETS["rto"]}
    assert conclude([], measured, only)[0] is Verdict.PASS
    assert conclude([], measured, {"rto": Target(seconds=20, standing="proposed")})[0] is Verdict.FAIL
    assert conclude([], measured, {"rto": Target(seconds=None, standing="unset")})[0] is Verdict.INCONCLUSIVE
    assert conclude([], measured, TARGETS)[0] is Verdict.INCONCLUSIVE


def test_a_rollback_that_fails_in_the_end_fails_the_drill() -> None:
    failed = result(Phase.ROLLBACKS, StepState.FAILED, "home", "not there")
    verdict, reasons = conclude([failed], GOOD, TARGETS)
    assert (verdict, reasons) == (Verdict.FAIL, ("rollbacks home: not there",))
    later = result(Phase.ROLLBACKS, StepState.OK, "home")
    assert conclude([failed, later], GOOD, TARGETS)[0] is Verdict.PASS, "a later process of the run made it good"

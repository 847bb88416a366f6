"""The order of steps, what is rolled back, and what controls tamper with."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcops.core.words import BlastClass, Environment
from dcops.drills.graph import blocked, cycle_of, ready_steps, waves
from dcops.drills.model import Control, Mark, Phase, PointFile, RecoveryPoint, Step, StepResult, StepState
from dcops.drills.plan import beyond, rollbacks_due, started_ids, tampered

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def step(name: str, *needs: str, undoes: tuple[str, ...] = ()) -> Step:
    return Step(id=name, uses="a.b", needs=needs, undoes=undoes)


def result(name: str, phase: Phase, state: StepState) -> StepResult:
    return StepResult(phase=phase, id=name, uses="a.b", state=state, started=Mark(utc=NOON, monotonic=0.0))


def test_steps_wait_for_what_they_need() -> None:
    steps = [step("load"), step("files"), step("start", "load", "files"), step("announce", "start")]
    assert [[s.id for s in wave] for wave in waves(steps)] == [["load", "files"], ["start"], ["announce"]]
    assert [s.id for s in ready_steps(steps, {"load"}, {"load", "files"})] == []


@given(st.lists(st.sets(st.integers(0, 9)), max_size=10))
def test_any_graph_without_a_circle_runs_to_its_end(needs: list[set[int]]) -> None:
    steps = [step(f"s{i}", *(f"s{n}" for n in sorted(wanted) if n < i)) for i, wanted in enumerate(needs)]
    assert cycle_of(steps) == ()
    order = [s.id for wave in waves(steps) for s in wave]
    assert sorted(order) == sorted(s.id for s in steps)
    assert all(order.index(n) < order.index(s.id) for s in steps for n in s.needs)


def test_a_circle_is_named() -> None:
    assert cycle_of([step("a", "b"), step("b", "c"), step("c", "a"), step("d")]) == ("a", "b", "c", "a")


def test_steps_behind_a_failure_are_blocked_and_say_by_what() -> None:
    steps = [step("a"), step("b", "a"), step("c", "b"), step("d")]
    assert blocked(steps, {"a"}) == {"b": "a", "c": "a"}


def test_a_step_that_started_and_never_ended_is_rolled_back() -> None:
    results = [result("kill", Phase.INJECT, StepState.STARTED), result("load", Phase.RECOVER, StepState.SKIPPED)]
    assert started_ids(results) == {"kill"}


def test_nothing_is_rolled_back_when_nothing_was_touched() -> None:
    rollbacks = [step("power", undoes=("kill",)), step("wait")]
    assert rollbacks_due(rollbacks, started_ids([result("g", Phase.GUARDS, StepState.FAILED)]), ()) == ()


def test_rollbacks_that_are_not_due_are_not_waited_for() -> None:
    rollbacks = [step("power", undoes=("kill",)), step("carry", "power", undoes=("start",)), step("drop", "carry")]
    due = rollbacks_due(rollbacks, {"kill"}, ())
    assert [(s.id, s.needs) for s in due] == [("power", ()), ("drop", ())]
    again = rollbacks_due(rollbacks, {"kill", "start"}, ("power",))
    assert [(s.id, s.needs) for s in again] == [("carry", ()), ("drop", ("carry",))]


POINT = RecoveryPoint(
    application="naskah", run="R", site="jkt", environment="twin", repository_id="r", snapshot_at=NOON, newest=NOON,
    rows={"surat": 5, "lampiran": 2}, dump_snapshot="d", dump_name="n", dump_sha256="h", dump_bytes=10,
    files_snapshot="f", files=(PointFile(sha256="0" * 64, size_bytes=1), PointFile(sha256="a" * 64, size_bytes=2)),
    digest="x",
)  # fmt: skip


def control(tamper: str) -> Control:
    return Control.model_validate({"id": "c", "of": "v", "tamper": tamper, "expect": "e"})


def test_each_tampering_changes_one_thing() -> None:
    more = tampered(POINT, control("one_row_more"))
    assert more.rows == {"surat": 6, "lampiran": 2}
    assert more.model_copy(update={"rows": POINT.rows}) == POINT
    wrong = tampered(POINT, control("one_hash_changed"))
    assert wrong.files[0].sha256 == "1" + "0" * 63
    assert wrong.files[1:] == POINT.files[1:]
    later = tampered(POINT, control("newer_than_it_is"))
    assert later.newest is not None
    assert later.newest > NOON
    dropped = tampered(POINT, control("dropped_table"))
    assert dropped.rows == {**POINT.rows, "dcops_no_such_table": 1}
    ended = tampered(POINT, control("last_hundredth_gone"))
    assert ended.rows == {"surat": 6, "lampiran": 3}
    assert ended.newest == later.newest
    assert set(tampered(POINT, control("other_application")).rows).isdisjoint(POINT.rows)
    assert POINT.total_bytes == 13


@pytest.mark.parametrize(
    ("environment", "named"),
    [("twin", ["wipe"]), ("scratch", ["wipe"]), ("recovery-site", ["stop", "wipe"]), ("production", ["stop", "wipe"])],
)
def test_what_may_run_where(environment: str, named: list[str]) -> None:
    classes = dict(zip(("a.look", "a.move", "a.stop", "a.wipe"), BlastClass, strict=True))
    steps = [Step(id=uses[2:], uses=uses) for uses in classes]
    assert [text.split()[0] for text in beyond(steps, classes.__getitem__, Environment(environment))] == named

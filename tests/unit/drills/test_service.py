"""The engine over a small world in memory: what it touches, in which order, and that it always finds the way back."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from dcops.core.errors import DcopsError
from dcops.core.words import BlastClass, Environment, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.history import read_progress
from dcops.drills.kinds import Action, Catalogue, Probe
from dcops.drills.model import Drill, Finding, MarkName, Outcome, PointFile, RecoveryPoint, Rollbacks, Step, StepState
from dcops.drills.service import DrillService, Setting, draw, targets_from
from dcops.records.kinds.drills import DrillResult
from dcops.runs.cancel import CancelToken
from dcops.runs.events import Event
from dcops.runs.ports import Urgency
from dcops.wiring.drills import unfailing

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
POINT = RecoveryPoint(
    application="naskah", run="B", site="jkt", environment="twin", repository_id="r", snapshot_at=NOON, newest=NOON,
    rows={"surat": 5}, dump_snapshot="d", dump_name="n", dump_sha256="h", dump_bytes=10, files_snapshot="f",
    files=(PointFile(sha256="0" * 64, size_bytes=1),), digest="x",
)  # fmt: skip


class Key(Frozen):
    key: str = "database"


@dataclass
class World:
    """What a drill breaks and mends. `trouble` maps an entry point to what it raises or does instead."""

    up: dict[str, bool] = field(default_factory=lambda: {"database": True, "copy": False})
    log: list[str] = field(default_factory=list)
    trouble: dict[str, Callable[[DrillContext], None]] = field(default_factory=dict)
    point: RecoveryPoint | None = POINT
    pages: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def event(self, name: str, **fields: Any) -> None:
        with self.lock:
            self.events.append(Event("2026-11-24T12:00:00.000000Z", name, fields))

    def send(self, urgency: Urgency, subject: str, body: str) -> None:
        self.pages.append(subject)

    def meet(self, name: str, context: DrillContext) -> None:
        with self.lock:
            self.log.append(name)
        if name in self.trouble:
            self.trouble[name](context)

    def action(self, name: str, key_value: bool, undone_by: tuple[str, ...] = ()) -> Action[Any]:
        def act(context: DrillContext, parameters: Key) -> Outcome:
            self.meet(name, context)
            self.up[parameters.key] = key_value
            return Outcome(detail=f"{parameters.key} {key_value}", facts={"database_bytes": 11} if undone_by else {})

        return Action(name, "", Key, BlastClass.CHANGE, act, undone_by=undone_by)

    def probe(self, name: str, look: Callable[[DrillContext], Finding]) -> Probe[Any]:
        def see(context: DrillContext, _: Key) -> Finding:
            self.meet(name, context)
            return look(context)

        return Probe(name, "", Key, see)

    def served(self, context: DrillContext) -> Finding:
        return Finding(is_ok=self.up["database"] or self.up["copy"], reason="down", detail="served or not")

    def rows(self, context: DrillContext) -> Finding:
        is_ok = context.recovery_point().rows == POINT.rows
        facts = {"newest_recovered": NOON.isoformat(), "lost_acknowledged": 0, "observer_lost_acknowledged": 0}
        fault = context.marks[MarkName.FAULT.value]
        service = context.marks[MarkName.SERVICE.value]
        facts["observer_rto_seconds"] = (service - fault).total_seconds()
        return Finding(is_ok=is_ok, reason="" if is_ok else "row_count_differs", facts=facts)

    def choose(self, context: DrillContext) -> Finding:
        context.point = self.point
        return Finding(is_ok=self.point is not None, reason="no_backup", detail="a backup", facts={"backup_run": "B"})

    def catalogue(self) -> Catalogue:
        actions = [
            self.action("w.kill", False, ("w.mend",)),
            self.action("w.mend", True),
            self.action("w.copy", True, ("w.drop",)),
            self.action("w.drop", False),
            self.action("w.declare", True),
        ]
        probes = [
            self.probe("w.choose", self.choose),
            self.probe("w.served", self.served),
            self.probe("w.down", lambda c: Finding(is_ok=not self.up["database"] or None, detail="seen")),
            self.probe("w.rows", self.rows),
        ]
        return Catalogue({a.name: a for a in actions}, {p.name: p for p in probes})


DRILL = Drill.model_validate({
    "apiVersion": "dcops/v1", "kind": "Drill",
    "metadata": {"name": "loss", "title": {"id": "a", "en": "b"}, "owner": "o", "version": 1, "runbook": "loss"},
    "spec": {
        "type": "component", "environments": ["twin"], "objectives": "from-inventory",
        "scope": {"app": "naskah", "service": "s", "run_at": "drc", "from_site": "jkt", "to_site": "drc"},
        "guards": [{"id": "fresh", "uses": "w.choose"}],
        "steady_state": [{"id": "steady", "uses": "w.served"}],
        "inject": [{"id": "kill", "uses": "w.kill"}],
        "detect": [{"id": "seen", "uses": "w.down"}],
        "declare": [{"id": "declared", "uses": "w.declare", "with": {"key": "declared"}}],
        "recover": [{"id": "copy", "uses": "w.copy", "with": {"key": "copy"}, "mark": "t_data"},
                    {"id": "served", "uses": "w.served", "needs": ["copy"], "mark": "t_service"}],
        "verify": [{"id": "rows", "uses": "w.rows"}],
        "controls": [{"id": "wrong", "of": "rows", "tamper": "one_row_more", "expect": "row_count_differs"}],
        "rollbacks": {"settle": "0s", "steps": [
            {"id": "mend", "uses": "w.mend", "undoes": ["kill"]},
            {"id": "drop", "uses": "w.drop", "with": {"key": "copy"}, "undoes": ["copy"], "needs": ["mend"]}]},
    },
})  # fmt: skip


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcops.drills.engine._ROLLBACK_PAUSE_SECONDS", 0.0)


RESTORE = DRILL.model_copy(
    update={"spec": DRILL.spec.model_copy(update={"type": "restore", "inject": (), "detect": ()})}
)


def service(world: World, token: CancelToken | None = None, drill: Drill = DRILL) -> tuple[DrillService, DrillContext]:
    value = type("V", (), {"value": 900.0, "is_adopted": False})()
    setting = Setting(drill, "0" * 64, Environment.TWIN, targets_from(value, type("V", (), {"value": 1e9})()), 7)
    absent = cast(Any, None)
    context = DrillContext(
        run_id="RUN", scope=DRILL.spec.scope, environment=Environment.TWIN, faults=absent, hosts=absent,
        recovery=absent, databases=absent, routes=absent, web=absent, observer=absent, random=draw(7),
        token=token or CancelToken(), say=lambda _: None,
    )  # fmt: skip
    return DrillService(setting, world.catalogue(), context, world, world), context


def run(world: World) -> DrillResult:
    return service(world)[0].run()


def fail(_: DrillContext) -> None:
    raise DcopsError("it broke")


def is_as_before(world: World) -> bool:
    return world.up["database"] and not world.up["copy"]


def test_a_good_drill_passes_and_leaves_the_world_as_it_was() -> None:
    world = World()
    result = run(world)
    assert (result.verdict, result.exit_code, result.reasons) == ("PASS", 0, [])
    assert is_as_before(world)
    assert list(result.marks) == [
        "t_fault", "t_detect", "t_declare", "t_start", "t_data", "t_service", "t_verified", "t_failback"
    ]  # fmt: skip
    assert result.is_rehearsal
    assert result.restored_bytes == 11
    assert result.target_standing == {"rto": "proposed", "rpo": "proposed"}


def test_what_sets_up_a_failback_comes_before_its_fault() -> None:
    setting_up = {"id": "away", "uses": "w.declare", "with": {"key": "away"}, "sets_up": True}
    kill = DRILL.spec.inject[0].model_copy(update={"needs": ("away",)})
    inject = (type(kill).model_validate(setting_up), kill)
    drill = DRILL.model_copy(update={"spec": DRILL.spec.model_copy(update={"type": "failback", "inject": inject})})
    world = World()
    result = service(world, drill=drill)[0].run()
    assert result.verdict == "PASS"
    begun = {step.id: step.started_at for step in result.steps}
    assert begun["away"] < begun["kill"]
    assert result.marks["t_fault"] == begun["kill"]


def test_a_restore_drill_loses_nothing_and_counts_from_its_declaration() -> None:
    world = World()
    result = service(world, drill=RESTORE)[0].run()
    assert (result.verdict, result.drill_type, result.executed) == ("PASS", "restore", True)
    assert "w.kill" not in world.log
    assert "w.mend" not in world.log
    assert is_as_before(world)
    assert "t_detect" not in result.marks
    assert result.marks["t_fault"] <= result.marks["t_declare"] <= result.marks["t_verified"]


def test_a_restore_drill_whose_copy_differs_fails_and_is_wiped() -> None:
    world = World(trouble={"w.rows": fail})
    result = service(world, drill=RESTORE)[0].run()
    assert (result.verdict, result.executed) == ("FAIL", True)
    assert is_as_before(world)


TABLETOP = DRILL.model_copy(
    update={
        "spec": DRILL.spec.model_copy(
            update={"type": "tabletop", "inject": (), "detect": (), "controls": (), "rollbacks": Rollbacks(),
                    "recover": (Step(id="ask", uses="w.rows"), Step(id="then", uses="w.served", needs=("ask",)),
                                Step(id="beside", uses="w.served")),
                    "verify": (Step(id="read", uses="w.served"),)}
        )
    }
)  # fmt: skip


def answering(is_ok: bool | None) -> World:
    """A world in which the first question of a tabletop is answered so."""

    class Table(World):
        def rows(self, context: DrillContext) -> Finding:
            return Finding(is_ok=is_ok, reason="not_done", detail="answered")

    return Table()


@pytest.mark.parametrize(
    ("is_ok", "verdict", "then"),
    [(True, "PASS", "ok"), (False, "FAIL", "skipped"), (None, "INCONCLUSIVE", "skipped")],
)
def test_a_tabletop_is_never_executed_and_goes_on_to_its_end(is_ok: bool | None, verdict: str, then: str) -> None:
    world = answering(is_ok)
    result = service(world, drill=TABLETOP)[0].run()
    assert (result.verdict, result.executed, result.drill_type) == (verdict, False, "tabletop")
    states = {step.id: step.state for step in result.steps}
    assert (states["then"], states["beside"], states["read"]) == (then, "ok", "ok")
    assert result.rollback == "not needed: nothing was touched"
    assert (result.marks, result.rto_verified_seconds) == ({}, None)


@pytest.mark.parametrize("world", [World(point=None), World(trouble={"w.declare": fail})])
def test_a_drill_that_recovered_nothing_was_not_executed(world: World) -> None:
    result = run(world)
    assert result.executed is False
    assert is_as_before(world)


def test_scratch_is_the_runs_own_in_steps_and_in_controls() -> None:
    world = World()
    seen: list[str] = []

    class Place(Frozen):
        database: str

    def look(context: DrillContext, parameters: Place) -> Finding:
        seen.append(parameters.database)
        return world.rows(context)

    step = RESTORE.spec.verify[0].model_copy(update={"uses": "w.look", "parameters": {"database": "@scratch"}})
    drill = RESTORE.model_copy(update={"spec": RESTORE.spec.model_copy(update={"verify": (step,)})})
    made, _ = service(world, drill=drill)
    probe = Probe("w.look", "", Place, look)
    cast(Any, made._catalogue.probes)["w.look"] = probe
    assert made.run().verdict == "PASS"
    assert seen == ["dcops_run", "dcops_run"]


def test_a_guard_that_says_no_touches_nothing() -> None:
    world = World(point=None)
    result = run(world)
    assert (result.verdict, result.exit_code) == ("REFUSED", 22)
    assert world.log == ["w.choose"]
    assert result.rollback == "not needed: nothing was touched"


def test_without_a_steady_state_nothing_is_touched() -> None:
    world = World(up={"database": False, "copy": False})
    result = run(world)
    assert result.verdict == "REFUSED"
    assert world.log == ["w.choose", "w.served"]


@pytest.mark.parametrize("broken", ["w.copy", "w.rows"])
def test_a_step_that_fails_is_a_fail_and_rolled_back(broken: str) -> None:
    world = World(trouble={broken: fail})
    result = run(world)
    assert (result.verdict, result.exit_code) == ("FAIL", 20)
    assert any("it broke" in reason for reason in result.reasons)
    assert is_as_before(world)


def test_a_defect_in_an_action_is_rolled_back_too() -> None:
    def burst(_: DrillContext) -> None:
        raise ZeroDivisionError

    world = World(trouble={"w.copy": burst})
    result = run(world)
    assert result.verdict == "FAIL"
    assert "defect in w.copy: ZeroDivisionError" in result.reasons[0]
    assert is_as_before(world)


def test_a_signal_in_the_middle_rolls_back_first() -> None:
    world = World()
    token = CancelToken()
    world.trouble["w.copy"] = lambda _: token.cancel("SIGTERM")
    result = service(world, token)[0].run()
    assert (result.verdict, result.exit_code) == ("ABORTED", 23)
    assert result.reasons == ["stopped by SIGTERM"]
    assert "w.rows" not in world.log
    assert is_as_before(world)


def test_a_terminal_that_closes_does_not_stop_the_way_back() -> None:
    """Rich ends the process when nobody reads its output any more; a drill must not end with it."""

    def closed(_: str) -> None:
        raise SystemExit(1)

    world = World()
    drill, context = service(world)
    context.say = unfailing(closed)
    assert drill.run().verdict == "PASS"
    assert is_as_before(world)


def test_a_rollback_that_fails_is_tried_again() -> None:
    world = World()
    calls: list[int] = []

    def twice(_: DrillContext) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise DcopsError("not yet")

    world.trouble["w.mend"] = twice
    assert run(world).verdict == "PASS"
    assert len(calls) == 3


def test_a_rollback_that_stays_broken_calls_a_person() -> None:
    world = World(trouble={"w.mend": fail})
    result = run(world)
    assert result.exit_code == 24
    assert result.verdict == "FAIL"
    assert result.rollback == "incomplete: mend, drop"
    assert world.pages == ["drill loss: the rollback is incomplete"]
    assert world.up["copy"], "what the service now depends on is not dropped"


def test_a_check_that_cannot_fail_proves_nothing() -> None:
    world = World()
    blind = world.catalogue().probes["w.rows"]

    def see(context: DrillContext, _: Key) -> Finding:
        found = blind.run(context, Key())
        return found.model_copy(update={"is_ok": True, "reason": ""})

    drill, _ = service(world)
    drill._catalogue = drill.runner._catalogue = Catalogue(  # type: ignore[misc]
        drill._catalogue.actions, {**drill._catalogue.probes, "w.rows": Probe("w.rows", "", Key, see)}
    )
    result = drill.run()
    assert result.verdict == "INCONCLUSIVE"
    assert "rows passed on one_row_more, expected row_count_differs" in result.reasons[0]


def test_a_fault_without_effect_proves_nothing() -> None:
    world = World()
    world.trouble["w.down"] = lambda _: world.up.update(database=True)
    result = run(world)
    assert (result.verdict, result.exit_code) == ("INCONCLUSIVE", 21)
    assert "w.copy" not in world.log


def test_a_killed_run_is_finished_from_its_events() -> None:
    """Cut the events anywhere: what was started is rolled back by another process."""
    first = World()
    run(first)
    ends = [i for i, event in enumerate(first.events) if event.name in ("step.started", "step.ended")]
    for cut in ends:
        events = first.events[: cut + 1]
        progress = read_progress(events)
        ended = {e.fields["id"] for e in events if e.name == "step.ended"}
        later = World(up={"database": "mend" in ended, "copy": "drop" not in ended})
        drill, context = service(later)
        context.point = POINT
        drill.restore_progress(progress.results, progress.marks)
        result = drill.finish("its process died")
        touched = any(e.name == "step.started" and e.fields["id"] == "kill" for e in events)
        assert later.up["database"] == touched
        assert result.verdict in ("ABORTED", "REFUSED")
        copied = any(e.name == "step.started" and e.fields["id"] == "copy" for e in events)
        if copied:
            assert not later.up["copy"]


def test_a_killed_run_goes_on_where_it_died() -> None:
    """Cut before any end of a step after the fault: the rest is done, what was done is not done again."""
    first = World()
    run(first)
    starts = [i for i, e in enumerate(first.events) if e.name == "step.started"]
    for cut in starts[3:6]:
        events = first.events[: cut + 1]
        progress = read_progress(events)
        later = World(up={"database": False, "copy": False})
        drill, context = service(later)
        context.point = POINT
        drill.restore_progress(progress.results, progress.marks)
        later.up["copy"] = any(each.id == "copy" and each.state is StepState.OK for each in progress.results)
        result = drill.resume()
        assert result.verdict == "PASS", result.reasons
        assert "w.kill" not in later.log
        assert is_as_before(later)
        assert sorted(step.id for step in result.steps) == sorted(step.id for step in run(World()).steps)


def test_a_step_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    forever = threading.Event()
    world.trouble["w.copy"] = lambda _: cast(None, forever.wait(30))
    drill, _ = service(world)
    recover = [step.model_copy(update={"timeout": 0.05}) for step in DRILL.spec.recover]
    slow = DRILL.model_copy(update={"spec": DRILL.spec.model_copy(update={"recover": tuple(recover)})})
    drill._setting = replace(drill._setting, drill=slow)
    result = drill.run()
    forever.set()
    assert result.verdict == "FAIL"
    assert "did not end within 0.05 s" in result.reasons[0]


def test_a_step_killed_inside_stays_started() -> None:
    world = World()
    run(world)
    until = next(i for i, event in enumerate(world.events) if event.fields.get("id") == "copy")
    progress = read_progress(world.events[: until + 1])
    assert progress.results[-1].id == "copy"
    assert progress.results[-1].state is StepState.STARTED
    assert progress.backup_run == "B"
    assert MarkName.FAULT in progress.marks


def test_the_moment_of_the_fault_follows_the_seed() -> None:
    assert draw(7).uniform(0, 20) == draw(7).uniform(0, 20) != draw(8).uniform(0, 20)

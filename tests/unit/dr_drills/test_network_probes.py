"""Routers, paths and upstream links in a drill: what is well, what is not; each check fails when tampered with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from dcops.core.errors import AuthenticationFailed, Unreachable
from dcops.core.words import Environment, Status
from dcops.drills.context import DrillContext
from dcops.drills.measure import longest_gap
from dcops.drills.model import Attempt, Control, Finding, Scope
from dcops.drills.network import LinkState
from dcops.drills.service import draw
from dcops.drills.tampering import tampering
from dcops.runs.cancel import CancelToken
from dr_drills.actions.router import RESTORE, Restored
from dr_drills.parameters import Device
from dr_drills.probes.observer import UNBROKEN, Unbroken
from dr_drills.probes.router import AS_KEPT, PATH, SESSION_LOST, SESSIONS, Neighbour, Path, SessionsWithin
from dr_drills.probes.upstream import STATE, State

SCOPE = Scope.model_validate({"device": "jkt-rtr2", "run_at": "drc", "from_site": "jkt", "to_site": "drc"})
FAULT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TWO = ("jkt-rtr1", "jkt-rtr2")


class World:
    """A router, an upstream link and the outside observer."""

    def __init__(self) -> None:
        self.kept_lines: tuple[str, ...] = ("router bgp 1", " network 198.18.10.0/24")
        self.running_lines = self.kept_lines
        self.up: dict[str, bool] | None = {"pdn-rtr1": True, "jkt-rtr1": True}
        self.link = LinkState(state=Status.PASS, reason="2 BGP sessions established", sessions=2)
        self.ledger: list[Attempt] = []
        self.argv: list[Sequence[str]] = []
        self.restored: list[Any] = []

    def kept(self, device: str) -> tuple[str, ...]:
        return self.kept_lines

    def running(self, device: str) -> tuple[str, ...]:
        return self.running_lines

    def sessions(self, device: str) -> Mapping[str, bool]:
        if self.up is None:
            raise Unreachable("no answer", where=device)
        return self.up

    def restore(self, device: str) -> str:
        answer = self.restored.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    def state(self, upstream: str, routers: Sequence[str] = ()) -> LinkState:
        return self.link

    def attempts(self, since: datetime, until: datetime | None = None) -> list[Attempt]:
        return [each for each in self.ledger if each.at >= since]

    def status(self, device: str, argv: Sequence[str]) -> int:
        self.argv.append(argv)
        return 1 if "-t" in argv else 0


def context(world: World) -> DrillContext:
    absent, here = cast(Any, None), cast(Any, world)
    found = DrillContext(
        run_id="RUN", scope=SCOPE, environment=Environment.TWIN, faults=absent, hosts=here, recovery=absent,
        databases=absent, routes=absent, web=absent, observer=here, random=draw(7), token=CancelToken(),
        say=lambda _: None, routers=here, router_writer=here, upstreams=here,
    )  # fmt: skip
    found.marks["t_fault"] = FAULT
    return found


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CancelToken, "wait", lambda *_: False)


def verdict(found: Finding) -> tuple[bool | None, str]:
    return found.is_ok, found.reason


def tampered(word: str, world: World, ask: Any) -> tuple[bool | None, str]:
    """What the probe says while a control tampers; afterwards the context is as it was."""
    drill = context(world)
    with tampering(drill, Control.model_validate({"id": "c", "of": "x", "tamper": word, "expect": "y"})):
        found = verdict(ask(drill))
    assert verdict(ask(drill))[0] is True
    return found


def test_a_router_as_kept_and_what_differs() -> None:
    world = World()

    def ask(drill: DrillContext | None = None) -> Finding:
        return AS_KEPT.run(drill or context(world), Device(device="jkt-rtr2"))

    assert verdict(ask()) == (True, "")
    assert tampered("one_line_more", world, ask) == (False, "config_differs")
    assert verdict(ask()) == (True, "")
    for lines in (("router bgp 1",), (*world.kept_lines, "ip route 198.18.9.0/24 blackhole"), world.kept_lines[:1] * 3):
        world.running_lines = lines
        assert verdict(ask()) == (False, "config_differs")
    world.kept_lines = ()
    assert verdict(ask()) == (False, "not_kept")


def test_sessions_are_all_or_it_is_told_which() -> None:
    world = World()

    def ask(drill: DrillContext | None = None) -> Finding:
        return SESSIONS.run(drill or context(world), SessionsWithin(device="jkt-rtr2"))

    assert verdict(ask()) == (True, "")
    assert tampered("one_session_more", world, ask) == (False, "session_missing")
    world.up = {"pdn-rtr1": False, "jkt-rtr1": True}
    assert "pdn-rtr1" in ask().detail
    world.up = {}
    assert verdict(ask()) == (False, "session_missing")
    world.up = None
    assert verdict(ask()) == (False, "no_answer")


@pytest.mark.parametrize(
    ("up", "expected"),
    [({"jkt-rtr2": False}, (True, "")), ({"jkt-rtr2": True}, (None, "no_effect")), (None, (None, "no_effect"))],
)
def test_a_lost_session_is_seen_or_the_fault_was_not(up: dict[str, bool] | None, expected: Any) -> None:
    world = World()
    world.up = up
    asked = Neighbour(device="jkt-rtr1", neighbour="jkt-rtr2", within=0)
    assert verdict(SESSION_LOST.run(context(world), asked)) == expected


def test_a_path_answers_and_does_not_with_too_few_hops() -> None:
    world = World()

    def ask(drill: DrillContext | None = None) -> Finding:
        return PATH.run(drill or context(world), Path(device="drc-app1", to="198.18.255.12"))

    assert verdict(ask()) == (True, "")
    assert tampered("too_few_hops", world, ask) == (False, "no_answer")
    assert [argv[-1] for argv in world.argv] == ["198.18.255.12"] * 3


def test_an_upstream_in_the_wanted_state_and_in_another() -> None:
    world = World()

    def ask(state: str = "pass", routers: tuple[str, ...] = (), drill: DrillContext | None = None) -> Finding:
        return STATE.run(drill or context(world), State(upstream="pdn", state=Status(state), routers=routers))

    assert verdict(ask()) == (True, "")
    assert verdict(ask(routers=TWO)) == (True, "")
    assert verdict(ask("fail")) == (False, "other_state")
    assert tampered("one_session_more", world, lambda drill: ask(routers=TWO, drill=drill)) == (
        False,
        "session_missing",
    )
    world.link = LinkState(state=Status.PASS, reason="", sessions=1)
    assert verdict(ask(routers=TWO)) == (False, "session_missing")


def letters(*answers: bool, pause: float = 0.5) -> list[Attempt]:
    return [
        Attempt(at=FAULT + timedelta(seconds=pause * number), id=str(number), is_acknowledged=answer, site="jkt",
                latency_seconds=0.1)
        for number, answer in enumerate(answers, 1)
    ]  # fmt: skip


def test_the_longest_gap_is_as_clients_waited() -> None:
    assert longest_gap(letters(True, True), FAULT) == (0.0, 0, False)
    assert longest_gap(letters(True, False, False, True, False, True), FAULT) == (1.1, 3, False)
    assert longest_gap(letters(True, False), FAULT) == (0.0, 1, True)


def test_clients_that_waited_too_long_or_still_wait_fail_the_drill() -> None:
    world = World()

    def ask(drill: DrillContext | None = None) -> Finding:
        return UNBROKEN.run(drill or context(world), Unbroken(at_most=2, within=0))

    assert verdict(ask()) == (None, "not_seen")
    world.ledger = letters(*[True] * 4, False, *[True] * 6)
    assert ask().facts["observer_gap_seconds"] == pytest.approx(0.6)
    assert ask().facts["observer_slowest_seconds"] == pytest.approx(0.1)
    assert tampered("one_outage_more", world, ask) == (False, "gap_too_long")
    world.ledger = letters(True, *[False] * 6, True)
    assert verdict(ask()) == (False, "gap_too_long")
    world.ledger = letters(True, False)
    assert verdict(ask()) == (False, "gap_too_long")


def test_a_device_that_boots_is_asked_again_and_a_wrong_key_is_not() -> None:
    world = World()
    world.restored = [Unreachable("no answer", where="jkt-rtr2"), "jkt-rtr2 changed: 20 lines sent"]
    assert "20 lines" in RESTORE.run(context(world), Restored(device="jkt-rtr2")).detail
    world.restored = [AuthenticationFailed("login refused", where="jkt-rtr2"), "never"]
    with pytest.raises(AuthenticationFailed):
        RESTORE.run(context(world), Restored(device="jkt-rtr2"))

"""Names in a drill: a move that missed a server says so; an outside answer counts when it is new, not remembered."""

from datetime import timedelta
from typing import Any, cast

import pytest

from dcops.core.clock import rfc3339, utc_now
from dcops.core.errors import PlanError, Unreachable
from dcops.core.words import Environment
from dcops.drills.context import DrillContext
from dcops.drills.model import NameAnswer, NameMove, Scope
from dcops.drills.service import draw
from dcops.runs.cancel import CancelToken
from dr_drills.actions.name import POINT, Pointed
from dr_drills.probes.name import OUTSIDE, SERVED, Outside, Served

NAME = "naskah-db.pmk.test"
SCOPE = Scope.model_validate({"app": "a", "service": "naskah", "run_at": "drc", "from_site": "jkt", "to_site": "drc"})
JKT, DRC = "198.18.10.11", "198.18.20.11"


def answer(address: str, ttl: int = 30) -> NameAnswer:
    return NameAnswer(addresses=(address,), ttl_seconds=ttl)


class World:
    """Two name servers and the resolver of an outside client, whose answers are laid ready; the last one stays."""

    def __init__(self, *outside: NameAnswer | None, **served: NameAnswer | None) -> None:
        self.outside_answers = list(outside)
        self.served_answers = {name.replace("_", "-"): found for name, found in served.items()}
        self.unreached: tuple[str, ...] = ()

    def expected(self, name: str, site: str | None = None) -> NameAnswer:
        return answer(DRC if site == "drc" else JKT)

    def served(self, name: str) -> dict[str, NameAnswer | None]:
        return self.served_answers

    def outside(self, name: str) -> NameAnswer:
        found = self.outside_answers.pop(0) if len(self.outside_answers) > 1 else self.outside_answers[0]
        if found is None:
            raise Unreachable("no answer", where="198.18.30.10")
        return found

    def point(self, name: str, site: str) -> NameMove:
        return NameMove(address=DRC, servers=("drc-svc1",), unreached=self.unreached)


def context(world: World) -> DrillContext:
    absent = cast(Any, None)
    return DrillContext(
        run_id="RUN", scope=SCOPE, environment=Environment.TWIN, faults=absent, hosts=absent, recovery=absent,
        databases=absent, routes=absent, web=absent, observer=absent, random=draw(7), token=CancelToken(),
        say=lambda _: None, names=cast(Any, world), name_writer=cast(Any, world),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CancelToken, "wait", lambda *_: False)


def test_a_move_names_the_server_that_will_answer_the_old_address() -> None:
    world = World()
    world.unreached = ("jkt-svc1",)
    outcome = POINT.run(context(world), Pointed(name=NAME, site="drc"))
    assert "jkt-svc1 not reached: it answers the old address when it is back" in outcome.detail
    assert outcome.facts["unreached"] == ["jkt-svc1"]


@pytest.mark.parametrize(
    ("served", "everywhere", "verdict", "reason"),
    [
        ({"jkt_svc1": answer(DRC), "drc_svc1": answer(DRC)}, True, True, ""),
        ({"jkt_svc1": None, "drc_svc1": answer(DRC)}, False, True, ""),
        ({"jkt_svc1": None, "drc_svc1": answer(DRC)}, True, None, "no_answer"),
        ({"jkt_svc1": None, "drc_svc1": None}, False, None, "no_answer"),
        ({"jkt_svc1": answer(JKT), "drc_svc1": answer(DRC)}, False, False, "other_answer"),
    ],
)
def test_servers_that_answer_must_agree(
    served: dict[str, NameAnswer | None], everywhere: bool, verdict: bool | None, reason: str
) -> None:
    found = SERVED.run(context(World(**served)), Served(name=NAME, site="drc", everywhere=everywhere))
    assert (found.is_ok, found.reason) == (verdict, reason)


def test_the_old_answer_lives_until_the_resolver_asks_again() -> None:
    drill = context(World(answer(JKT, 5), None, answer(DRC, 28)))
    drill.facts.put("move", {f"pointed_at {NAME}": rfc3339(utc_now() - timedelta(seconds=20))})
    found = OUTSIDE.run(drill, Outside(name=NAME, site="drc"))
    assert found.is_ok is True
    assert found.facts["old_answer_seconds"] == pytest.approx(18, abs=0.5)
    assert found.facts["unanswered"] == 1


def test_an_answer_from_before_the_fault_is_only_remembered() -> None:
    drill = context(World(answer(JKT, 25)))
    drill.marks["t_fault"] = utc_now() - timedelta(seconds=2)
    found = OUTSIDE.run(drill, Outside(name=NAME, fresh=True, within=0))
    assert (found.is_ok, found.reason) == (False, "remembered")
    drill.marks["t_fault"] = utc_now() - timedelta(seconds=60)
    assert OUTSIDE.run(drill, Outside(name=NAME, fresh=True, within=0)).is_ok is True


@pytest.mark.parametrize(("outside", "reason"), [(answer(JKT), "other_answer"), (None, "no_answer")])
def test_a_name_that_never_comes_is_a_failure(outside: NameAnswer | None, reason: str) -> None:
    found = OUTSIDE.run(context(World(outside)), Outside(name=NAME, site="drc", within=0))
    assert (found.is_ok, found.reason) == (False, reason)


def test_a_port_that_was_not_joined_says_which() -> None:
    absent = cast(Any, None)
    bare = DrillContext(
        run_id="RUN", scope=SCOPE, environment=Environment.TWIN, faults=absent, hosts=absent, recovery=absent,
        databases=absent, routes=absent, web=absent, observer=absent, random=draw(7), token=CancelToken(),
        say=lambda _: None,
    )  # fmt: skip
    with pytest.raises(PlanError, match='"name_writer"'):
        POINT.run(bare, Pointed(name=NAME, site="drc"))

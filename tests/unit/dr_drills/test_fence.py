"""A fence is proved by routers that answered, or by an outside client that meets nobody; never by silence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from dcops.core.errors import DcopsError, Unreachable
from dcops.core.words import Environment
from dcops.drills.context import DrillContext
from dcops.drills.https import parse_ledger
from dcops.drills.model import Announced, Attempt, Finding, Scope
from dcops.drills.service import draw
from dcops.runs.cancel import CancelToken
from dr_drills.actions.fence import LINK, ROUTE, Site
from dr_drills.parameters import Nothing
from dr_drills.probes import service
from dr_drills.probes.fence import PROVED, Proved
from dr_drills.probes.service import FENCED, FencedSite

SCOPE = Scope.model_validate({"app": "a", "service": "naskah", "run_at": "drc", "from_site": "jkt", "to_site": "drc"})


@dataclass
class World:
    """The routes, the service and the outside observer of one drill."""

    seen: Announced = field(default_factory=lambda: Announced(sites=()))
    status: int | None = 503
    outside: tuple[bool, ...] | None = ()

    def announced(self, name: str) -> Announced:
        return self.seen

    def withdraw(self, name: str) -> str:
        return f"{name} was announced by jkt, now by nobody"

    def post(self, name: str, path: str, body: Mapping[str, Any], *, device: str | None = None) -> tuple[int, bytes]:
        if self.status is None:
            raise Unreachable("no answer", where=str(device))
        return self.status, b""

    def attempts(self, since: datetime, until: datetime | None = None) -> list[Attempt]:
        if self.outside is None:
            raise Unreachable("no answer", where="pdn-gw1")
        at = since + timedelta(seconds=3)
        late = Attempt(at=since, id="early", is_acknowledged=True, site="jkt", latency_seconds=1.0)
        return [late] + [
            Attempt(at=at, id="x", is_acknowledged=False, site=None, latency_seconds=2.0, is_answered=answered)
            for answered in self.outside
        ]


def context_of(world: World) -> DrillContext:
    absent = cast(Any, None)
    return DrillContext(
        run_id="RUN", scope=SCOPE, environment=Environment.TWIN, faults=absent, hosts=absent, recovery=absent,
        databases=absent, routes=cast(Any, world), web=cast(Any, world), observer=cast(Any, world), random=draw(7),
        token=CancelToken(), say=lambda _: None,
    )  # fmt: skip


def ask(world: World) -> Finding:
    return FENCED.run(context_of(world), FencedSite(device="jkt-app1", path="/surat"))


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_OUTSIDE_SECONDS", 0.0)


UNREAD = Announced(sites=(), unread={"jkt-rtr2": "jkt"})


@pytest.mark.parametrize("status", [503, None])
def test_read_routers_that_announce_nothing_are_a_fence(status: int | None) -> None:
    assert ask(World(status=status)).is_ok is True


def test_a_router_of_the_recovery_site_that_does_not_answer_changes_nothing() -> None:
    assert ask(World(Announced(sites=(), unread={"drc-rtr2": "drc"}))).is_ok is True


@pytest.mark.parametrize(
    ("outside", "why"),
    [
        ((), "sent 0 letters"),
        ((False, False), "sent 2 letters"),
        ((False, False, False, True), "still answers an outside client"),
        (None, "nor can the observer be asked"),
    ],
)
def test_a_router_that_did_not_answer_is_no_proof(outside: tuple[bool, ...] | None, why: str) -> None:
    found = ask(World(UNREAD, outside=outside))
    assert (found.is_ok, found.reason) == (None, "unread")
    assert "jkt-rtr2" in found.detail
    assert why in found.detail


def test_an_address_that_answers_no_outside_client_is_proof_enough() -> None:
    found = ask(World(UNREAD, status=None, outside=(False, False, False)))
    assert found.is_ok is True
    assert "jkt-rtr2 did not answer" in found.detail


@pytest.mark.parametrize(
    ("world", "reason"),
    [(World(Announced(sites=("jkt",))), "announced"), (World(UNREAD, status=201), "accepts")],
)
def test_what_still_serves_is_no_fence(world: World, reason: str) -> None:
    found = ask(world)
    assert (found.is_ok, found.reason) == (False, reason)


def test_the_ledger_tells_an_answer_from_silence() -> None:
    line = '{"t": "2026-11-24T12:00:00Z", "id": "a", "ok": false, "site": null, "status": %s, "latency": 1.0}'
    assert [each.is_answered for each in parse_ledger("\n".join([line % 503, line % "null"]))] == [True, False]


class Old:
    """The database of the lost site, as a client at the recovery site meets it."""

    def __init__(self, answer: bool | Exception) -> None:
        self.answer = answer

    def query(self, server: str, database: str, statement: str) -> list[tuple[Any, ...]]:
        assert (server, database) == ("jkt-db1/main", "postgres")
        if isinstance(self.answer, Exception):
            raise self.answer
        return [(self.answer,)]


PROOF = Proved(device="jkt-db1", cluster="main", application="jkt-app1", path="/surat")


@pytest.mark.parametrize(
    ("answer", "is_ok", "reason"),
    [
        (Unreachable("no answer", where="jkt-db1"), True, ""),
        (True, True, ""),
        (False, False, "serves"),
        (DcopsError("refuses the account", where="jkt-db1"), None, "unread"),
    ],
)
def test_the_old_database_must_take_no_write(answer: bool | Exception, is_ok: bool | None, reason: str) -> None:
    found = prove(World(), Old(answer))
    assert (found.is_ok, found.reason) == (is_ok, reason)


def test_an_application_that_still_accepts_is_no_proof_whatever_the_database_says() -> None:
    assert prove(World(status=201), Old(Unreachable("no answer"))).reason == "accepts"
    assert prove(World(seen=Announced(sites=("jkt",))), Old(Unreachable("no answer"))).reason == "announced"


def prove(world: World, old: Old) -> Finding:
    context = context_of(world)
    context.databases = cast(Any, old)
    return PROVED.run(context, PROOF)


def test_a_route_fence_says_who_was_not_asked_and_fails_while_one_announces() -> None:
    told = ROUTE.run(context_of(World(seen=Announced(sites=(), unread={"jkt-rtr1": "jkt"}))), Nothing())
    assert told.facts["unread_routers"] == "jkt-rtr1"
    with pytest.raises(DcopsError, match="still announced by jkt"):
        ROUTE.run(context_of(World(seen=Announced(sites=("jkt",)))), Nothing())


def test_the_site_a_drill_is_run_at_is_never_shut() -> None:
    with pytest.raises(DcopsError, match="run at this site"):
        LINK.run(context_of(World()), Site(site="drc"))

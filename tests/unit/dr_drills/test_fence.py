"""A fence is proved by routers that answered, or by an outside client that meets nobody; never by silence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from dcops.core.errors import Unreachable
from dcops.core.words import Environment
from dcops.drills.context import DrillContext
from dcops.drills.https import parse_ledger
from dcops.drills.model import Announced, Attempt, Finding, Scope
from dcops.drills.service import draw
from dcops.runs.cancel import CancelToken
from dr_drills.probes import service
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


def ask(world: World) -> Finding:
    absent = cast(Any, None)
    context = DrillContext(
        run_id="RUN", scope=SCOPE, environment=Environment.TWIN, faults=absent, hosts=absent, recovery=absent,
        databases=absent, routes=cast(Any, world), web=cast(Any, world), observer=cast(Any, world), random=draw(7),
        token=CancelToken(), say=lambda _: None,
    )  # fmt: skip
    return FENCED.run(context, FencedSite(device="jkt-app1", path="/surat"))


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

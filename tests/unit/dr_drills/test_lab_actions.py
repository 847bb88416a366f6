"""Faults as drill actions: what is asked of the supervisor, in which order a site comes back, what is refused."""

from typing import Any, cast

import pytest
from pydantic import ValidationError

from dcops.core.errors import Refused, Unreachable
from dcops.drills.context import DrillContext
from dcops.drills.model import SiteNodes
from dcops.runs.cancel import CancelToken
from dr_drills.actions import lab
from dr_drills.parameters import Link, Site


class World:
    """A supervisor that remembers, and a site whose base server answers after so many questions."""

    def __init__(self, answers_after: int = 0) -> None:
        self.log: list[Any] = []
        self.left = answers_after

    def site(self, site: str) -> SiteNodes:
        if site == "pdn":
            raise Refused("pdn is not the ministry's")
        return SiteNodes(routers=("jkt-rtr1", "jkt-rtr2"), base=("jkt-svc1",), others=("jkt-db1", "jkt-app1"))

    def stop_all(self, nodes: tuple[str, ...]) -> None:
        self.log.append(("stop", *nodes))

    def start_all(self, nodes: tuple[str, ...]) -> None:
        self.log.append(("start", *nodes))

    def status(self, device: str, argv: list[str]) -> int:
        self.log.append(("asked", device))
        self.left -= 1
        if self.left >= 0:
            raise Unreachable("no answer", where=device)
        return 0

    def cut(self, link: str, **options: Any) -> None:
        self.log.append(("cut", link, options))

    def shape(self, link: str, **options: Any) -> None:
        self.log.append(("shape", link, options))

    def heal(self, link: str) -> None:
        self.log.append(("heal", link))


def context(world: World) -> DrillContext:
    found = object.__new__(DrillContext)
    found.faults, found.hosts, found.token = cast(Any, world), cast(Any, world), CancelToken()
    return found


def test_a_site_is_lost_in_one_request() -> None:
    world = World()
    outcome = lab.STOP_SITE.run(context(world), Site(site="jkt"))
    assert world.log == [("stop", "jkt-rtr1", "jkt-rtr2", "jkt-svc1", "jkt-db1", "jkt-app1")]
    assert outcome.facts["nodes"] == list(world.log[0][1:])


def test_the_national_side_is_never_lost() -> None:
    world = World()
    with pytest.raises(Refused):
        lab.STOP_SITE.run(context(world), Site(site="pdn"))
    assert world.log == []


def test_a_site_comes_back_base_services_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CancelToken, "wait", lambda *_: False)
    world = World(answers_after=2)
    outcome = lab.START_SITE.run(context(world), Site(site="jkt"))
    assert world.log[0] == ("start", "jkt-rtr1", "jkt-rtr2", "jkt-svc1")
    assert world.log[1:-1] == [("asked", "jkt-svc1")] * 3
    assert world.log[-1] == ("start", "jkt-db1", "jkt-app1")
    assert "jkt-svc1 answered names after" in outcome.detail


def test_base_services_that_stay_away_do_not_keep_the_rest_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "_BASE_SECONDS", 0.0)
    world = World(answers_after=99)
    outcome = lab.START_SITE.run(context(world), Site(site="jkt"))
    assert world.log[-1] == ("start", "jkt-db1", "jkt-app1")
    assert "did not answer" in outcome.detail


def test_links_are_cut_shaped_and_healed_by_name() -> None:
    world = World()
    lab.CUT.run(context(world), lab.Cut(link="w1", end="pdn-rtr1"))
    shaped = lab.SHAPE.run(context(world), lab.Shape(link="w2", rate="10M", loss_percent=5))
    lab.HEAL.run(context(world), Link(link="w1"))
    assert world.log == [
        ("cut", "w1", {"is_silent": False, "end": "pdn-rtr1"}),
        ("shape", "w2", {"rate": "10M", "loss": 0.05, "delay_seconds": None, "end": None}),
        ("heal", "w1"),
    ]
    assert shaped.detail == "w2: 10Mbit/s, 5 % lost"


@pytest.mark.parametrize("words", [{"rate": "fast"}, {"loss_percent": 101}, {"loss": 5}])
def test_what_cannot_be_shaped_is_seen_by_the_lint(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        lab.Shape.model_validate({"link": "w1", **words})

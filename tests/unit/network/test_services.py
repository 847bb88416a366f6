"""Backup, plan, apply and move over the lab's four routers, as stateful fakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcops.core.errors import ApplyError, DcopsError, PlanError, Refused, UsageError
from dcops.inventory import load
from dcops.network.errors import HostKeyMismatch, LineRefused
from dcops.network.intent import Network, network_of
from dcops.network.jinja import TemplateRenderer
from dcops.network.model import BackupStatus, MoveOrder, Target
from dcops.network.service import (
    apply_plans,
    backup_configurations,
    move_service,
    observe,
    plan_routing,
    read_bgp,
    service_states,
    withdraw_service,
)
from dcops.network.service.apply import change_waves
from dcops.records.kinds import network as kinds
from dcops.runs.cancel import CancelToken
from dcops.wiring.network import withdrawn_services
from tests.contract.network.fake_frr import FakeFrr, FakeNetwork

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["jkt-rtr1", "jkt-rtr2", "drc-rtr1", "drc-rtr2"]
RENDER = TemplateRenderer()


@dataclass
class Records:
    kept: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, kind: str, payload: dict[str, Any]) -> None:
        model = {model.kind: model for model in kinds.KINDS}[kind]
        model.model_validate(payload)
        self.kept.append((kind, payload))


@dataclass
class MemoryHistory:
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)

    def read(self, site: str, device: str, revision: str | None = None) -> str | None:
        return self.texts.get((site, device))

    def commit(self, files: Sequence[tuple[str, str, str]], message: str) -> str | None:
        new = {(site, device): text for site, device, text in files}
        if all(self.texts.get(key) == text for key, text in new.items()):
            return None
        self.texts.update(new)
        self.commits.append(message)
        return f"c{len(self.commits)}"

    def log(self, site: str, device: str, limit: int) -> list[Any]:
        return []

    def diff(self, site: str, device: str, older: str | None, newer: str | None) -> str:
        return ""


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(load(ROOT / "inventory" / "lab"))


@pytest.fixture
def fake(network: Network) -> FakeNetwork:
    return FakeNetwork({target.name: FakeFrr(target.name) for target in network.targets})


@pytest.fixture
def records() -> Records:
    return Records()


def plans_of(network: Network, fake: FakeNetwork, chosen: Sequence[str] = NAMES) -> Any:
    return plan_routing(network, observe(network.targets, fake.reader), chosen, RENDER)


def apply_all(network: Network, fake: FakeNetwork, records: Records) -> Any:
    return apply_plans(plans_of(network, fake), network, writer=fake.writer, record=records)


def statuses(results: Any) -> dict[str, str]:
    return {result.device: str(result.status) for result in results}


def test_the_lab_network_is_the_ministrys_routers_and_nothing_of_pdn(network: Network) -> None:
    assert sorted(target.name for target in network.targets) == sorted(NAMES)
    intent = network.intent("jkt-rtr1", {"naskah": "jkt"})
    assert [(n.address, n.remote_as, n.is_internal) for n in intent.neighbours] == [
        ("198.18.250.1", 4200000030, False),
        ("198.18.250.9", 4200000020, False),
        ("198.18.10.3", 4200000010, True),
    ]
    assert intent.networks == ("198.18.10.0/24", "198.18.255.11/32")
    assert [item.prefix for item in intent.announcements] == ["198.18.100.10/32"]
    assert network.intent("drc-rtr1", {"naskah": "jkt"}).announcements == ()


def test_an_unknown_device_is_named_with_a_suggestion(network: Network) -> None:
    with pytest.raises(UsageError, match="Did you mean"):
        network.target("jkt-rtr3")


def test_two_routers_of_a_site_are_never_changed_together(network: Network) -> None:
    waves = change_waves(network.targets)
    assert [sorted(target.site for target in wave) for wave in waves] == [["drc", "jkt"], ["drc", "jkt"]]


def test_apply_brings_every_router_to_its_intent_and_a_second_one_changes_nothing(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    assert statuses(apply_all(network, fake, records)) == dict.fromkeys(NAMES, "changed")
    assert all(router.saved == 1 for router in fake.routers.values())
    assert "network 198.18.100.10/32" in fake.routers["jkt-rtr1"].running()
    assert "198.18.100.10" not in fake.routers["drc-rtr1"].running()
    assert [kind for kind, _ in records.kept] == ["network.change"] * 4
    assert statuses(apply_all(network, fake, records)) == dict.fromkeys(NAMES, "unchanged")
    assert len(records.kept) == 4


def test_a_stale_plan_is_refused_and_nothing_is_sent(network: Network, fake: FakeNetwork, records: Records) -> None:
    plans = plans_of(network, fake)
    fake.routers["jkt-rtr1"].load("ip route 198.18.100.99/32 blackhole")
    sent = list(fake.routers["jkt-rtr1"].sent)
    results = statuses(apply_plans(plans, network, writer=fake.writer, record=records))
    assert results["jkt-rtr1"] == "refused"
    assert fake.routers["jkt-rtr1"].sent == sent
    assert results["jkt-rtr2"] == "not_started"


def test_a_refused_line_leads_the_router_back_and_stops_later_waves(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    router = fake.routers["jkt-rtr1"]
    router.refuse = "maximum-paths"
    before = router.running()
    results = {item.device: item for item in apply_all(network, fake, records)}
    assert results["jkt-rtr1"].status == "rolled_back"
    assert 'refused "maximum-paths 4"' in results["jkt-rtr1"].reason
    assert router.running() == before
    assert router.saved == 0
    assert results["drc-rtr1"].status == "changed"
    assert results["jkt-rtr2"].status == results["drc-rtr2"].status == "not_started"
    assert fake.routers["jkt-rtr2"].sent == []


class Stubborn(FakeFrr):
    """Takes some lines, refuses one, and from then on refuses everything."""

    def step(self, path: list[str], line: str) -> list[str]:
        try:
            return super().step(path, line)
        except LineRefused:
            self.refuse = ""  # which is in every line
            raise


def test_a_router_that_cannot_be_led_back_needs_a_person(network: Network, fake: FakeNetwork, records: Records) -> None:
    fake.routers["jkt-rtr1"] = Stubborn("jkt-rtr1", refuse="maximum-paths")
    results = {item.device: item for item in apply_all(network, fake, records)}
    assert results["jkt-rtr1"].status == "needs_person"
    assert "taking it back failed" in results["jkt-rtr1"].reason
    assert records.kept[0][1]["is_rollback"] or records.kept[1][1]["is_rollback"]


def test_a_run_that_was_told_to_stop_starts_no_further_router(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    token = CancelToken()
    token.cancel("SIGTERM")
    plans = plans_of(network, fake)
    results = statuses(apply_plans(plans, network, writer=fake.writer, record=records, token=token))
    assert "changed" not in results.values()
    assert all(router.sent == [] for router in fake.routers.values())


def test_a_router_that_does_not_answer_costs_nobody_else(network: Network, fake: FakeNetwork, records: Records) -> None:
    fake.routers["jkt-rtr2"].is_down = True
    seen = observe(network.targets, fake.reader)
    assert list(seen.errors) == ["jkt-rtr2"]
    assert [plan.device for plan in plan_routing(network, seen, NAMES, RENDER)] == [
        target.name for target in network.targets if target.name != "jkt-rtr2"
    ]


def shown(fake: FakeNetwork) -> dict[str, list[str]]:
    """Each router's lines; FRR prints networks sorted, the fake in the order they came."""
    return {name: sorted(router.running().splitlines()) for name, router in fake.routers.items()}


def move(network: Network, fake: FakeNetwork, records: Records, to: str, order: MoveOrder) -> Any:
    return move_service(network, "naskah", to, writer=fake.writer, record=records, order=order)


@pytest.mark.parametrize("order", list(MoveOrder))
def test_a_service_moves_there_and_back(
    network: Network, fake: FakeNetwork, records: Records, order: MoveOrder
) -> None:
    apply_all(network, fake, records)
    before = shown(fake)
    done = move(network, fake, records, "drc", order)
    assert done.before.sites == ("jkt",)
    assert done.after.announced_by == ("drc-rtr1", "drc-rtr2")
    sides = [item.site for item in done.results]
    assert sides == (
        ["jkt", "jkt", "drc", "drc"] if order is MoveOrder.WITHDRAW_FIRST else ["drc", "drc", "jkt", "jkt"]
    )
    assert "ip route 198.18.100.10/32" not in fake.routers["jkt-rtr1"].running()
    assert records.kept[-1][0] == "network.service_move"
    # A planned apply leaves it where the failover put it.
    assert all(plan.is_empty for plan in plans_of(network, fake))
    move(network, fake, records, "jkt", order)
    assert shown(fake) == before


def test_moving_where_it_already_is_changes_nothing(network: Network, fake: FakeNetwork, records: Records) -> None:
    apply_all(network, fake, records)
    saved = fake.routers["jkt-rtr1"].saved
    done = move(network, fake, records, "jkt", MoveOrder.WITHDRAW_FIRST)
    assert {item.status for item in done.results} == {"unchanged"}
    assert fake.routers["jkt-rtr1"].saved == saved


def test_a_lost_site_cannot_withdraw_and_the_other_announces_all_the_same(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    apply_all(network, fake, records)
    fake.routers["jkt-rtr1"].is_down = fake.routers["jkt-rtr2"].is_down = True
    done = move(network, fake, records, "drc", MoveOrder.WITHDRAW_FIRST)
    assert done.after.sites == ("drc",)
    assert [note.split()[0] for note in done.notes] == ["jkt-rtr1", "jkt-rtr2"]


def test_a_site_none_of_whose_routers_answers_is_no_place_to_move_to(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    apply_all(network, fake, records)
    sent = list(fake.routers["jkt-rtr1"].sent)
    fake.routers["drc-rtr1"].is_down = fake.routers["drc-rtr2"].is_down = True
    with pytest.raises(PlanError, match="no router of drc answers"):
        move(network, fake, records, "drc", MoveOrder.WITHDRAW_FIRST)
    assert fake.routers["jkt-rtr1"].sent == sent


def test_when_a_router_refuses_to_withdraw_nothing_is_announced_elsewhere(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    apply_all(network, fake, records)
    fake.routers["jkt-rtr2"].refuse = "no network"
    with pytest.raises(ApplyError, match="announced by jkt, not by drc alone"):
        move(network, fake, records, "drc", MoveOrder.WITHDRAW_FIRST)
    assert "198.18.100.10" not in fake.routers["drc-rtr1"].running()
    assert records.kept[-1][1]["status"] == "failed"


def test_withdrawing_fences_the_service_and_a_second_time_changes_nothing(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    apply_all(network, fake, records)
    done = withdraw_service(network, "naskah", writer=fake.writer, record=records)
    assert done.before.sites == ("jkt",)
    assert done.after.sites == ()
    assert not any("198.18.100.10" in router.running() for router in fake.routers.values())
    again = withdraw_service(network, "naskah", writer=fake.writer, record=records)
    assert {item.status for item in again.results} == {"unchanged"}
    assert records.kept[-1][1]["to_site"] == ""


def test_a_planned_apply_does_not_undo_a_withdrawal(network: Network, fake: FakeNetwork, records: Records) -> None:
    apply_all(network, fake, records)
    withdraw_service(network, "naskah", writer=fake.writer, record=records)
    seen = observe(network.targets, fake.reader)
    assert all(plan.is_empty for plan in plan_routing(network, seen, NAMES, RENDER, withdrawn={"naskah"}))
    assert not all(plan.is_empty for plan in plan_routing(network, seen, NAMES, RENDER))


def test_which_services_were_withdrawn_is_read_from_the_newest_record() -> None:
    def journal(*moves: tuple[str, str]) -> Any:
        found = [SimpleNamespace(payload={"service": name, "to_site": site}) for name, site in moves]
        return SimpleNamespace(query=lambda kind, is_newest_first: found)

    assert withdrawn_services(journal()) == frozenset()
    assert withdrawn_services(journal(("naskah", ""), ("naskah", "jkt"))) == {"naskah"}
    assert withdrawn_services(journal(("naskah", "drc"), ("naskah", ""), ("other", ""))) == {"other"}


def test_a_site_that_cannot_serve_is_named(network: Network, fake: FakeNetwork, records: Records) -> None:
    with pytest.raises(PlanError, match="pdn cannot serve it"):
        move(network, fake, records, "pdn", MoveOrder.WITHDRAW_FIRST)


def test_services_seen_at_two_sites_are_said_so(network: Network, fake: FakeNetwork, records: Records) -> None:
    apply_all(network, fake, records)
    fake.routers["drc-rtr1"].load(
        "router bgp 4200000020\n address-family ipv4 unicast\n  network 198.18.100.10/32\n exit\nexit"
    )
    state = next(
        each for each in service_states(network, observe(network.targets, fake.reader)) if each.name == "naskah"
    )
    assert state.sites == ("drc", "jkt")


def back_up(network: Network, fake: FakeNetwork, history: MemoryHistory, records: Records) -> Any:
    results, commit = backup_configurations(
        network.targets, reader=fake.reader, history=history, record=records, redaction_key=b"k" * 32
    )
    return {item.device: item for item in results}, commit


def test_a_backup_keeps_all_in_one_commit_and_a_second_one_keeps_nothing_new(
    network: Network, fake: FakeNetwork, records: Records
) -> None:
    history = MemoryHistory()
    results, commit = back_up(network, fake, history, records)
    assert {item.status for item in results.values()} == {BackupStatus.CHANGED}
    assert commit == "c1"
    assert sorted(history.texts) == sorted((target.site, target.name) for target in network.targets)
    again, none = back_up(network, fake, history, records)
    assert {item.status for item in again.values()} == {BackupStatus.UNCHANGED}
    assert none is None
    assert [payload["commit"] for _, payload in records.kept] == ["c1", ""]


def test_a_text_cut_short_is_suspect_and_never_replaces_the_good_copy(
    network: Network, fake: FakeNetwork, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = MemoryHistory()
    back_up(network, fake, history, records)
    good = dict(history.texts)
    router = fake.routers["jkt-rtr1"]
    monkeypatch.setattr(
        router, "running", lambda: "Building configuration...\n!\nfrr version 10.3\nhostname jkt-rtr1\n"
    )
    results, _ = back_up(network, fake, history, records)
    assert results["jkt-rtr1"].status is BackupStatus.SUSPECT
    assert 'the last line is not "end"' in results["jkt-rtr1"].reason
    assert results["jkt-rtr2"].status is BackupStatus.UNCHANGED
    assert history.texts == good


def test_one_dead_router_costs_no_other_copy(network: Network, fake: FakeNetwork, records: Records) -> None:
    fake.routers["drc-rtr2"].is_down = True
    history = MemoryHistory()
    results, commit = back_up(network, fake, history, records)
    assert results["drc-rtr2"].status is BackupStatus.UNREACHABLE
    assert len(history.texts) == 3
    assert commit == "c1"


def test_bgp_status_tells_established_sessions_and_dead_routers(network: Network, fake: FakeNetwork) -> None:
    fake.routers["jkt-rtr1"].load("router bgp 4200000010\nexit")
    fake.routers["jkt-rtr1"].peers = {
        "198.18.250.1": {
            "remoteAs": 4200000030,
            "state": "Established",
            "peerUptimeMsec": 5000,
            "pfxRcd": 3,
            "pfxSnt": 4,
        },
        "198.18.250.9": {"remoteAs": 4200000020, "state": "Active"},
    }
    fake.routers["drc-rtr1"].is_down = True
    found = {item.device: item for item in read_bgp(network.targets, fake.reader)}
    assert found["jkt-rtr1"].established == 1
    assert found["jkt-rtr1"].peers[0].uptime_seconds == 5.0
    assert found["drc-rtr1"].error
    assert found["jkt-rtr2"].peers == ()


@pytest.mark.parametrize("to", ["drc", None])
@pytest.mark.parametrize(
    "error", [Refused("not as enrolled", where="jkt-rtr2"), HostKeyMismatch("another key", where="jkt-rtr2")], ids=type
)
def test_a_move_with_a_router_that_is_not_the_enrolled_one_is_refused_and_nothing_is_touched(
    network: Network, fake: FakeNetwork, to: str | None, error: DcopsError
) -> None:
    def writer(target: Target) -> Any:
        if target.name == "jkt-rtr2":
            raise error
        return fake.writer(target)

    before = {name: str(router.running()) for name, router in fake.routers.items()}
    records = Records()
    move = partial(move_service, to_site=to) if to else withdraw_service
    with pytest.raises(type(error), match="jkt-rtr2"):
        move(network, "naskah", writer=writer, record=records)
    assert {name: str(router.running()) for name, router in fake.routers.items()} == before
    assert records.kept == []

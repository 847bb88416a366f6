"""Routing on the real FRR routers of the twin: session contract, apply, drift, rollback, backup, moving a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcops.core.exitcodes import ExitCode
from dcops.inventory import load
from dcops.lab.dial import dial
from dcops.network.errors import HostKeyMismatch
from dcops.network.intent import Network, network_of
from dcops.network.model import MoveOrder, Target
from dcops.network.netmiko import NetmikoReaders, NetmikoWriters, SessionSettings
from dcops.network.plan import plan_device
from dcops.network.platforms.rules import platform
from dcops.network.ports import OpenReader, OpenWriter
from dcops.network.service import apply_plans, move_service
from tests.contract.network.suite import NetworkSessionContract

if TYPE_CHECKING:
    from tests.twin.conftest import Twin

ROOT = Path(__file__).resolve().parents[2]
FRR = platform("frr")
OPS = "jkt-ops1"
ROUTERS = ("drc-rtr1", "drc-rtr2", "jkt-rtr1", "jkt-rtr2")
SERVICE = "198.18.100.10"


def net(twin: Twin, *words: str, exit_code: int = 0) -> str:
    """Run `dcops net WORDS` on the operations server; its output."""
    done = twin.run(OPS, "dcops", "net", *words)
    assert done.returncode == exit_code, f"net {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


def net_json(twin: Twin, *words: str, exit_code: int = 0) -> Any:
    return json.loads(net(twin, *words, "--json", exit_code=exit_code))


def vtysh(twin: Twin, router: str, *lines: str) -> str:
    return twin.say(router, "vtysh", *(word for line in lines for word in ("-c", line)))


@pytest.fixture(scope="module")
def routed(twin: Twin) -> Twin:
    """The twin with its routing applied and every session established."""
    net(twin, "apply", "all", "--yes")
    net(twin, "status", "--wait", "45")
    return twin


@pytest.fixture(scope="module")
def settings(twin: Twin) -> SessionSettings:
    """Sessions from this host, made inside the twin's management namespace and nowhere else."""
    return SessionSettings(
        twin.folder / "secrets" / "operator-1",
        twin.folder / "known_hosts",
        dial=partial(dial, f"{twin.name}-mg"),
    )


@pytest.fixture(scope="module")
def network(twin: Twin) -> Network:
    inventory = load(ROOT / "inventory" / "lab")
    addresses = {name: inventory.devices[name].management_address or "" for name in ROUTERS}
    return network_of(inventory, addresses)


class TestRealRouter(NetworkSessionContract):
    @pytest.fixture
    def target(self, routed: Twin, network: Network) -> Target:
        return network.target("jkt-rtr2")

    @pytest.fixture
    def reader(self, settings: SessionSettings) -> OpenReader:
        return NetmikoReaders(settings)

    @pytest.fixture
    def writer(self, settings: SessionSettings) -> OpenWriter:
        return NetmikoWriters(settings)


def test_every_session_of_every_router_is_established(routed: Twin) -> None:
    found = net_json(routed, "status", "--wait", "30")
    assert found["established"] == len(found["peers"]) == 12
    assert found["errors"] == {}


def test_sites_reach_each_other_and_pdn_reaches_the_service_address(routed: Twin) -> None:
    assert routed.pings("jkt-db1", "198.18.20.11")
    assert routed.pings("drc-app1", "198.18.30.10")
    assert routed.pings("pdn-gw1", SERVICE)


def test_a_second_apply_changes_nothing(routed: Twin) -> None:
    found = net_json(routed, "apply", "all", "--yes")
    assert {item["status"] for item in found["devices"]} == {"unchanged"}
    net(routed, "apply", "--check")


@pytest.fixture
def drifted(routed: Twin) -> Iterator[Twin]:
    """Somebody changed a router by hand."""
    vtysh(routed, "jkt-rtr2", "conf t", "router bgp 4200000010", "neighbor 198.18.250.3 description by hand")
    yield routed
    net(routed, "apply", "jkt-rtr2", "--yes")


def test_drift_is_shown_and_put_right(drifted: Twin) -> None:
    shown = net(drifted, "apply", "--check", exit_code=ExitCode.DIFFERENCES)
    assert "- neighbor 198.18.250.3 description by hand" in shown
    net(drifted, "apply", "jkt-rtr2", "--yes")
    assert "by hand" not in vtysh(drifted, "jkt-rtr2", "show running-config")
    assert "by hand" not in drifted.say("jkt-rtr2", "cat", "/etc/frr/frr.conf")


def test_a_plan_whose_device_has_moved_on_is_refused_and_nothing_is_touched(drifted: Twin) -> None:
    net(drifted, "plan", "jkt-rtr2", "--out", "/tmp/plan.json")
    vtysh(drifted, "jkt-rtr2", "conf t", "router bgp 4200000010", "neighbor 198.18.250.3 description moved on")
    before = vtysh(drifted, "jkt-rtr2", "show running-config")
    done = drifted.run(OPS, "dcops", "net", "apply", "jkt-rtr2", "--plan", "/tmp/plan.json", "--yes")
    assert done.returncode == ExitCode.REFUSED
    assert "changed since the plan was made" in done.stdout
    assert vtysh(drifted, "jkt-rtr2", "show running-config") == before


def test_a_line_the_router_refuses_leads_it_back_to_where_it_was(
    routed: Twin, network: Network, settings: SessionSettings
) -> None:
    target = network.target("jkt-rtr2")
    with NetmikoReaders(settings)(target) as session:
        before = session.read_running()
    wanted = before.replace("description pdn-rtr1 w2", "description changed")
    plan = plan_device(FRR, target.name, target.site, before, wanted, network.service_networks)
    bad = replace(plan, commands=(*plan.commands[:-1], "neighbor 198.18.250.3 no-such-word", "exit"))
    records: list[tuple[str, Any]] = []
    (result,) = apply_plans(
        [bad], network, writer=NetmikoWriters(settings), record=lambda kind, payload: records.append((kind, payload))
    )
    assert result.status == "rolled_back", result
    assert "no-such-word" in result.reason
    assert [kind for kind, _ in records] == ["network.change"]
    with NetmikoReaders(settings)(target) as session:
        assert FRR.state_hash(session.read_running()) == FRR.state_hash(before)


CANARY = "canary-bgp-4417"


def test_backups_are_whole_kept_once_and_hold_no_secret(routed: Twin) -> None:
    net(routed, "backup")
    again = net_json(routed, "backup")
    assert {item["status"] for item in again["devices"]} == {"unchanged"}
    assert again["commit"] is None
    vtysh(routed, "jkt-rtr2", "conf t", "router bgp 4200000010", f"neighbor 198.18.250.3 password {CANARY}")
    try:
        found = net_json(routed, "backup", "jkt-rtr2")
        assert found["devices"][0]["status"] == "changed"
        kept = net(routed, "show", "jkt-rtr2")
        assert "neighbor 198.18.250.3 password <secret:" in kept
        assert "+ neighbor 198.18.250.3 password <secret:" in net(routed, "diff", "jkt-rtr2")
        hit = routed.run(OPS, "grep", "-rl", CANARY, "/var/lib/dcops")
        assert hit.stdout == ""
    finally:
        vtysh(routed, "jkt-rtr2", "conf t", "router bgp 4200000010", "no neighbor 198.18.250.3 password")
    net(routed, "backup", "jkt-rtr2")
    assert len(net_json(routed, "log", "jkt-rtr2")) >= 3
    net(routed, "status", "--wait", "30")


def test_another_host_key_is_refused(routed: Twin, network: Network, settings: SessionSettings, tmp_path: Path) -> None:
    right, wrong = network.target("jkt-rtr2"), network.target("jkt-rtr1")
    swapped = settings.known_hosts.read_text().replace(right.address, "x").replace(wrong.address, right.address)
    (tmp_path / "known_hosts").write_text(swapped)
    with (
        pytest.raises(HostKeyMismatch),
        NetmikoWriters(replace(settings, known_hosts=tmp_path / "known_hosts"))(right),
    ):
        pass


@pytest.mark.parametrize("order", list(MoveOrder))
def test_a_service_moves_to_the_other_site_and_back(routed: Twin, order: MoveOrder) -> None:
    try:
        move = ("service", "move", "naskah", "--to", "drc", "--order", order.value)
        planned = net_json(routed, *move, "--check", exit_code=4)["plan"]
        moved = net_json(routed, *move, "--yes", "--plan-id", planned)
        assert moved["before"]["sites"] == ["jkt"]
        assert moved["after"]["announced_by"] == ["drc-rtr1", "drc-rtr2"]
        via = vtysh(routed, "pdn-rtr1", f"show bgp ipv4 unicast {SERVICE}/32 json")
        assert {path["aspath"]["string"] for path in json.loads(via)["paths"]} <= {
            "4200000020",
            "4200000010 4200000020",
        }
        # The address is elsewhere now, so the plan that was seen is no more.
        net(routed, *move, "--yes", "--plan-id", planned, exit_code=7)
        # A planned change leaves it where the failover put it.
        net(routed, "apply", "--check")
    finally:
        net(routed, "service", "move", "naskah", "--to", "jkt", "--yes")
    assert {tuple(state["sites"]) for state in net_json(routed, "service", "show")} == {("jkt",)}


def test_a_silent_router_is_told_and_the_others_are_still_done(
    routed: Twin, network: Network, settings: SessionSettings
) -> None:
    gone = replace(network.target("drc-rtr2"), address="198.19.0.250")
    changed = replace(network, targets=tuple(gone if t.name == "drc-rtr2" else t for t in network.targets))
    quick = replace(settings, connect_seconds=1)
    done = move_service(changed, "naskah", "jkt", writer=NetmikoWriters(quick), record=lambda _kind, _payload: None)
    assert done.after.sites == ("jkt",)
    assert [note.split()[0] for note in done.notes] == ["drc-rtr2"]


def test_this_host_opens_no_session_by_itself(routed: Twin) -> None:
    done = routed.dcops("net", "status", "-i", "lab")
    assert done.returncode == ExitCode.REFUSED
    assert "not enrolled" in done.stderr


def test_what_was_done_is_in_the_records(routed: Twin) -> None:
    found = json.loads(routed.say(OPS, "dcops", "records", "list", "--kind", "network.*", "--json"))
    records = found["records"] if isinstance(found, dict) else found
    kinds = {record["kind"] for record in records}
    assert kinds == {"network.backup", "network.change", "network.service_move"}
    assert CANARY not in json.dumps(found)

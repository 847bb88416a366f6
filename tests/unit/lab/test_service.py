"""Use cases of the twin over ports held in memory."""

from pathlib import Path
from typing import Any

import pytest

from dcops.core.errors import DcopsError
from dcops.lab import service as service_module
from dcops.lab.model import Node, Topology
from dcops.lab.ports import Say
from dcops.lab.service import TwinService


class Machine:
    """A machine that remembers what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.alive: set[str] = set()
        self.deaf: set[str] = set()
        self.disks: set[str] = set()
        self.kept: Topology | None = None
        self.has_root = True

    def require_rights(self) -> None:
        if not self.has_root:
            raise DcopsError("the twin needs root")

    def claim(self, topology: Topology) -> None:
        self.calls.append("claim")
        self.kept = topology

    def prepare_secrets(self, topology: Topology) -> None:
        self.calls.append("secrets")

    def remove_strangers(self, topology: Topology) -> list[str]:
        gone = sorted(self.alive - {node.name for node in topology.nodes})
        self.alive -= set(gone)
        return gone

    def wire(self, topology: Topology) -> list[str]:
        self.calls.append("wire")
        return []

    def lay_disks(self, topology: Topology, image: Path) -> int:
        self.calls.append("disks")
        self.disks |= {node.name for node in topology.nodes}
        return 0

    def running(self, topology: Topology) -> frozenset[str]:
        return frozenset(self.alive)

    def answers(self, node: Node) -> bool:
        return node.name in self.alive and node.name not in self.deaf

    def usage(self, node: Node) -> tuple[float, int]:
        return 1.0, 10_000_000

    def load_topology(self) -> Topology | None:
        return self.kept

    def tear_down(self, *, keep_disks: bool) -> None:
        self.calls.append("tear down")
        self.alive, self.kept = set(), None
        self.disks = self.disks if keep_disks else set()

    def is_present(self) -> bool:
        return bool(self.alive)

    def needs_image(self, topology: Topology) -> bool:
        return not self.disks

    def has_disks(self) -> bool:
        return bool(self.disks)


class Keeper:
    """A supervisor that switches the machine's nodes."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.is_there = False
        self.asked: list[dict[str, Any]] = []

    def ask(self, request: dict[str, Any], *, timeout_seconds: float = 60.0) -> dict[str, Any]:
        if not self.is_there:
            raise DcopsError("the twin's supervisor does not answer")
        self.asked.append(request)
        if request["verb"] == "start":
            self.machine.alive.add(request["target"])
        if request["verb"] == "halt":
            self.machine.alive.clear()
        if request["verb"] == "leave":
            self.is_there = False
        return {"ok": True, "result": []}

    def is_running(self) -> bool:
        return self.is_there

    def ensure(self) -> None:
        self.is_there = True


class Shelf:
    """Image and snapshots in one."""

    root = Path("/image")

    def __init__(self) -> None:
        self.built = False
        self.kept: dict[str, list[str]] = {}
        self.restored: list[str] = []

    def is_built(self) -> bool:
        return self.built

    def build(self, say: Say) -> float:
        self.built = True
        return 1.0

    def has(self, key: str) -> bool:
        return key in self.kept

    def save(self, key: str, nodes: list[str]) -> int:  # type: ignore[override]
        self.kept[key] = list(nodes)
        return 42

    def restore(self, key: str) -> None:
        self.restored.append(key)


@pytest.fixture
def parts() -> tuple[TwinService, Machine, Keeper, Shelf]:
    machine, shelf = Machine(), Shelf()
    keeper = Keeper(machine)
    return TwinService(machine, shelf, keeper, shelf, lambda _: None), machine, keeper, shelf  # type: ignore[arg-type]


Parts = tuple[TwinService, Machine, Keeper, Shelf]


def quiet(_: str) -> None:
    return None


def test_up_builds_wires_and_starts_then_finds_nothing_to_do(parts: Parts, topology: Topology) -> None:
    service, machine, _, shelf = parts
    first = service.up(topology, quiet)
    assert shelf.built
    assert machine.calls == ["claim", "secrets", "wire", "disks"]
    assert first.started == tuple(node.name for node in topology.nodes)
    assert service.up(topology, quiet).started == ()


def test_up_starts_only_what_is_missing(parts: Parts, topology: Topology) -> None:
    service, machine, _, _ = parts
    service.up(topology, quiet)
    machine.alive.discard("jkt-svc1")
    assert service.up(topology, quiet).started == ("jkt-svc1",)


def test_a_node_that_left_the_inventory_is_taken_away_and_named(parts: Parts, topology: Topology) -> None:
    service, machine, _, _ = parts
    service.up(topology, quiet)
    said: list[str] = []
    service.up(topology.model_copy(update={"nodes": topology.nodes[:-1]}), said.append)
    assert "pdn-gw1 is not in the inventory any more: removed" in said
    assert "pdn-gw1" not in machine.alive


def test_a_node_without_ssh_is_named(parts: Parts, topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    service, machine, _, _ = parts
    monkeypatch.setattr(service_module, "SSH_SECONDS", 0.0)
    machine.deaf = {"drc-bkp1"}
    with pytest.raises(DcopsError, match="no SSH within 0 s on drc-bkp1"):
        service.up(topology, quiet)


def test_without_rights_nothing_is_touched(parts: Parts, topology: Topology) -> None:
    service, machine, keeper, shelf = parts
    machine.has_root = False
    for act in (
        lambda: service.up(topology, quiet),
        lambda: service.down(keep_disks=False),
        lambda: service.build(quiet),
    ):
        with pytest.raises(DcopsError, match="needs root"):
            act()
    assert (machine.calls, keeper.asked, shelf.built) == ([], [], False)


def test_a_snapshot_is_restored_onto_no_disks_only(parts: Parts, topology: Topology) -> None:
    service, machine, _, shelf = parts
    service.up(topology, quiet)
    size, _ = service.snapshot(topology, "key", quiet)
    assert size == 42
    assert shelf.kept["key"] == [node.name for node in topology.nodes]
    assert machine.alive == {node.name for node in topology.nodes}
    assert service.up(topology, quiet, snapshot="key").is_restored is False
    service.down(keep_disks=False)
    assert service.up(topology, quiet, snapshot="key").is_restored is True
    service.down(keep_disks=False)
    assert service.up(topology, quiet, snapshot="other").is_restored is False
    assert shelf.restored == ["key"]


def test_nodes_boot_again_when_the_copy_fails(
    parts: Parts, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, machine, _, shelf = parts
    service.up(topology, quiet)

    def full(key: str, nodes: list[str]) -> int:
        raise DcopsError("no space left on device")

    monkeypatch.setattr(shelf, "save", full)
    with pytest.raises(DcopsError, match="no space"):
        service.snapshot(topology, "key", quiet)
    assert machine.alive == {node.name for node in topology.nodes}


def test_down_shuts_down_in_order_when_disks_are_kept(parts: Parts, topology: Topology) -> None:
    service, machine, keeper, _ = parts
    service.up(topology, quiet)
    assert service.down(keep_disks=True) is True
    assert [request["verb"] for request in keeper.asked][-2:] == ["halt", "leave"]
    assert machine.disks
    assert service.down(keep_disks=False) is False


def test_down_works_without_a_supervisor(parts: Parts, topology: Topology) -> None:
    service, machine, keeper, _ = parts
    service.up(topology, quiet)
    keeper.is_there = False
    assert service.down(keep_disks=False) is True
    assert machine.calls[-1] == "tear down"


def test_status_tells_up_starting_and_down_apart(parts: Parts, topology: Topology) -> None:
    service, machine, _, _ = parts
    assert service.status().is_up is False
    service.up(topology, quiet)
    machine.deaf = {"jkt-ops1"}
    machine.alive.discard("jkt-svc1")
    states = {node.name: node.state for node in service.status().nodes}
    assert (states["jkt-rtr1"], states["jkt-ops1"], states["jkt-svc1"]) == ("up", "starting", "down")

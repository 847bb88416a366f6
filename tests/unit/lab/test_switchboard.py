"""What is asked of the kernel for a link; the programs themselves are run by the twin's tests."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcops.core.errors import UsageError
from dcops.lab import switchboard
from dcops.lab.model import Topology, Twin
from dcops.lab.overlay import Folders
from dcops.lab.switchboard import Switchboard


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def run(argv: list[str], **_: Any) -> SimpleNamespace:
        found.append(" ".join(argv))
        return SimpleNamespace(returncode=0, stderr=b"")

    monkeypatch.setattr(switchboard, "run", run)
    return found


@pytest.fixture
def board(tmp_path: Path, twin: Twin, topology: Topology, asked: list[str]) -> Switchboard:
    (tmp_path / "run").mkdir()
    return Switchboard(twin, topology, Folders(tmp_path), None, tmp_path)  # type: ignore[arg-type]


def test_a_rate_and_a_delay_together_are_refused_with_nothing_changed(board: Switchboard, asked: list[str]) -> None:
    with pytest.raises(UsageError, match="a rate or a delay, not both"):
        board.shape("w1", rate_bits=512_000, loss=0.0, delay_seconds=0.02, end=None)
    assert (asked, board.listing()) == ([], [])


def test_shaping_again_takes_the_limit_from_before_off(board: Switchboard, asked: list[str]) -> None:
    board.shape("w1", rate_bits=512_000, loss=0.0, delay_seconds=None, end="jkt-rtr1")
    assert [line for line in asked if "qdisc replace" in line]
    asked.clear()
    board.shape("w1", rate_bits=None, loss=0.05, delay_seconds=None, end="jkt-rtr1")
    assert [line for line in asked if "qdisc del" in line]
    assert board.listing() == [{"link": "w1", "fault": "shape", "end": "jkt-rtr1", "loss": 0.05}]


class Launcher:
    """Nodes that run until they are killed."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.running = {"jkt-rtr1", "jkt-svc1", "jkt-ops1"}

    def kill(self, name: str) -> None:
        self._log.append(f"kill {name}")
        self.running.discard(name)

    def is_running(self, name: str) -> bool:
        return name in self.running

    def start(self, name: str, argv: list[str], label: str) -> None:
        self._log.append(f"boot {label}")
        self.running.add(label)


@pytest.fixture
def powered(board: Switchboard, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    log: list[str] = []
    board.launcher = Launcher(log)  # type: ignore[assignment]
    monkeypatch.setattr(
        switchboard.iproute2,
        "set_plugs",
        lambda plugs, *, up: log.extend(f"{'up' if up else 'down'} {name}" for _, name in sorted(plugs)),
    )
    monkeypatch.setattr(switchboard, "boot_arguments", lambda *_: [])
    return log


def test_several_nodes_lose_power_at_one_moment(board: Switchboard, powered: list[str]) -> None:
    board.stop("jkt-rtr1", "jkt-svc1")
    first_kill = powered.index("kill jkt-rtr1")
    assert all(line.startswith("down ") for line in powered[:first_kill])
    assert len(powered[:first_kill]) == 5  # management and lan of both, and the router's link
    assert powered[first_kill:] == ["kill jkt-rtr1", "kill jkt-svc1"]
    assert board.state.off == ["jkt-rtr1", "jkt-svc1"]


def test_power_comes_back_in_the_order_asked_for_and_a_cut_link_stays_cut(
    board: Switchboard, powered: list[str]
) -> None:
    board.cut("w1")
    board.stop("jkt-rtr1", "jkt-svc1")
    powered.clear()
    board.start("jkt-svc1", "jkt-rtr1")
    assert [line for line in powered if line.startswith("boot")] == ["boot jkt-svc1", "boot jkt-rtr1"]
    assert "up w1-jkt-rtr1" not in powered
    assert board.state.off == []


def test_one_unknown_name_stops_nothing(board: Switchboard, powered: list[str]) -> None:
    with pytest.raises(UsageError, match='"jkt-db9" is no node'):
        board.stop("jkt-rtr1", "jkt-db9")
    assert (powered, board.state.off) == ([], [])


def test_a_router_comes_back_as_a_new_device_with_the_owner_its_file_had(
    board: Switchboard, powered: list[str]
) -> None:
    path = board.folders.root("jkt-rtr1") / "etc/frr/frr.conf"
    path.parent.mkdir(parents=True)
    path.write_text("router bgp 4200000010\n")
    path.chmod(0o640)
    with pytest.raises(UsageError, match="is no router of the ministry that is off"):
        board.start("jkt-rtr1", is_new=True)
    assert "router bgp" in path.read_text()
    board.stop("jkt-rtr1")
    board.start("jkt-rtr1", is_new=True)
    assert "router bgp" not in path.read_text()
    assert "hostname jkt-rtr1" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    assert "boot jkt-rtr1" in powered


@pytest.mark.parametrize("name", ["jkt-svc1", "pdn-rtr1"])
def test_only_the_ministrys_routers_are_replaced(board: Switchboard, powered: list[str], name: str) -> None:
    board.stop(name)
    powered.clear()
    with pytest.raises(UsageError):
        board.start(name, is_new=True)
    assert powered == []

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

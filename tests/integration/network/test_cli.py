"""`dcops net` as a process: what it refuses, and that nothing is touched then."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dcops.core.process import Completed, run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def net(tmp_path: Path):
    environment = {
        "DCOPS_HOME": str(ROOT),
        "DCOPS_STATE": str(tmp_path / "state"),
        "DCOPS_IDENTITY": str(tmp_path / "identity.json"),
        "PYTHONPATH": str(ROOT),
    }

    def call(*words: str) -> Completed:
        done = run([sys.executable, "-m", "dcops", "net", *words], env=environment, check=False)
        assert b"Traceback" not in done.stderr
        return done

    return call


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("plan",),
        ("backup",),
        ("apply", "--yes", "-i", "lab"),
        ("service", "show"),
        ("service", "move", "naskah", "--to", "drc", "--yes", "-i", "lab"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_host_that_is_not_enrolled_opens_no_session_and_writes_nothing(net, words, tmp_path: Path) -> None:
    done = net(*words)
    assert done.returncode == 7
    assert b"this host is not enrolled" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "state").exists()


def test_an_identity_that_is_not_genuine_is_refused(net, tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text('{"inventory": "lab", "environment": "twin"}')
    done = net("status", "--json")
    assert done.returncode == 7
    assert json.loads(done.stdout)["error"]["exit_code"] == 7


def test_a_writing_verb_has_no_default_inventory(net, tmp_path: Path) -> None:
    done = net("apply", "--yes")
    assert done.returncode in (2, 7)
    assert not (tmp_path / "state").exists()


def test_the_intended_routing_is_printed_without_any_session(net) -> None:
    done = net("render", "jkt-rtr1", "--json")
    assert done.returncode == 0
    (found,) = json.loads(done.stdout)
    assert "router bgp 4200000010" in found["config"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("render", "jkt-rtr9"), 2, 'Did you mean "jkt-rtr'),
        (("render", "jkt-db1"), 2, "chooses no network device"),
        (("show", "jkt-rtr1"), 2, "no configuration is kept"),
        (("log", "nothing"), 2, 'network device "nothing" is unknown'),
        (("render", "-i", "nowhere"), 2, 'inventory "nowhere" is not there'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_wrong_words(net, words, code: int, message: str) -> None:
    done = net(*words)
    assert done.returncode == code
    assert message in done.stderr.decode()

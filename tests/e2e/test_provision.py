"""`dcops provision` as a process: what it refuses before anything is started, and what an absent twin means."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dcops.core.settings import Settings
from dcops.wiring.records import open_records

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A lab inventory of our own to change."""
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    return tmp_path / "inventory/lab"


def provision(copy: Path, *words: str) -> tuple[int, str, str]:
    state = copy.parents[1] / "state"
    environment = {**os.environ, "DCOPS_STATE": str(state), "DCOPS_TWIN": "nosuch", "DCOPS_HOME": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "dcops", "provision", *words, "-i", str(copy)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def runs(copy: Path) -> list[Path]:
    return list((copy.parents[1] / "state/runs").glob("*"))


def test_observe_mode_refuses_a_run_and_starts_nothing(copy: Path) -> None:
    head = copy / "inventory.yml"
    head.write_text(head.read_text().replace("  environment: twin\n", "  environment: twin\n  mode: observe\n"))
    code, _, error = provision(copy, "run", "site", "--yes", "-l", "jkt-fac1")
    assert code == 7
    assert "not writable: jkt-fac1 (mode observe" in error
    assert runs(copy) == []
    state = copy.parents[1] / "state"
    record = open_records(Settings(ROOT, state, state / "secrets")).last("run.refused")
    assert record is not None
    assert record.payload["verb"] == "provision run"
    assert "jkt-fac1 (mode observe" in record.payload["reasons"][0]


def test_an_invalid_inventory_is_said_before_anything_is_started(copy: Path) -> None:
    devices = copy / "devices/jkt.yml"
    devices.write_text(devices.read_text().replace("platform: debian13", "plattform: debian13", 1))
    code, _, error = provision(copy, "run", "site", "--yes")
    assert code == 3
    assert "devices/jkt.yml:" in error
    assert runs(copy) == []


def test_an_inventory_without_its_script_is_an_error(copy: Path) -> None:
    (copy / "hosts").chmod(0o644)
    code, _, error = provision(copy, "check", "site")
    assert code == 2
    assert "not executable" in error


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2")
def test_a_twin_that_is_down_is_unreachable_and_the_run_is_written_down(copy: Path) -> None:
    code, output, error = provision(copy, "check", "site", "-l", "jkt-fac1", "--json")
    assert code == 5, error
    document = json.loads(output)
    assert [(host["name"], host["status"]) for host in document["hosts"]] == [("jkt-fac1", "unreachable")]
    kept = json.loads((runs(copy)[0] / "run.json").read_text())
    assert (kept["run"], kept["exit_code"], kept["status"]) == (document["run"], 5, "failed")

"""A tabletop on this host, through the command line: asked and answered; never executed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dcops.cli.main import run as dcops
from dcops.core import yaml
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.wiring.records import RECORDS_URL

ROOT = Path(__file__).parents[3]
NAME = "pdn-ransomware-tabletop"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An enrolled operations server with the shipped tabletop less its two probes, which ask the twin."""
    monkeypatch.delenv(RECORDS_URL, raising=False)
    key, path = SigningKey.generate(), tmp_path / "identity.json"
    identity = issue_identity(
        key, environment="twin", site="drc", inventory="lab", node="drc-ops1", machine_id=read_machine_id(),
        at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    save_identity(path, identity, key.public)
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    for name in ("restic-password", "restic-http-drc", "naskah-db-password", "ca.crt", "pdn-ca.crt"):
        (secrets / name).write_text("x")
        (secrets / name).chmod(0o600)
    here = tmp_path / "home"
    (here / "dr_drills/scenarios").mkdir(parents=True)
    for name in ("inventory", "pyproject.toml"):
        (here / name).symlink_to(ROOT / name)
    document: Any = yaml.load(ROOT / f"dr_drills/scenarios/{NAME}.yml")
    spec = document["spec"]
    for phase in ("steady_state", "recover", "verify"):
        spec[phase] = [step for step in spec[phase] if step["uses"] == "manual.task"]
    for step in spec["recover"]:
        step["needs"] = [name for name in step.get("needs", []) if name != "copy-there"]
    (here / f"dr_drills/scenarios/{NAME}.yml").write_text(json.dumps(document))
    for name, value in (("HOME", here), ("STATE", tmp_path / "state"), ("SECRETS", secrets), ("IDENTITY", path)):
        monkeypatch.setenv(f"DCOPS_{name}", str(value))
    return here


@pytest.fixture
def started(home: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The tabletop as a process of its own, waiting for its first answer; and its run."""
    argv = [sys.executable, "-m", "dcops", "drill", "run", NAME, "--yes", "--json"]
    with subprocess.Popen(argv, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        runs = tmp_path / "state/runs"
        wait_until(lambda: any("person.asked" in path.read_text() for path in runs.glob("*/events.jsonl")))
        yield process, next(runs.iterdir()).name
        process.kill()


def wait_until(is_so: Any) -> None:
    for _ in range(300):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


def answer_all(run: str, tmp_path: Path, steps: tuple[str, ...], *more: str) -> None:
    for step in steps:
        wait_until(lambda step=step: f'"id":"{step}"' in events(tmp_path))
        assert dcops(["drill", "answer", run, step, *more]) == 0, step


def events(tmp_path: Path) -> str:
    files = sorted((tmp_path / "state/runs").glob("*/events.jsonl"))
    return "".join(line for path in files for line in path.read_text().splitlines() if "person.asked" in line)


FIRST, REST = ("call", "declared"), (
    "shut-links", "hold-copies", "clean-copy", "custody", "tell", "recovery-order", "open-points",
)  # fmt: skip


def test_answers_end_it_well_and_nothing_was_executed(
    started: tuple[subprocess.Popen[bytes], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process, run = started
    assert dcops(["drill", "answer", run, "--json"]) == 0
    asked = json.loads(capsys.readouterr().out)
    assert (asked["waiting"], [each["id"] for each in asked["questions"]]) == (True, ["call"])
    assert dcops(["drill", "answer", run, "cal"]) == 2
    assert 'Did you mean "call"?' in capsys.readouterr().err
    assert dcops(["drill", "answer", run, "call", "--as", "operator-9"]) == 2
    assert "is nobody in this inventory" in capsys.readouterr().err
    answer_all(run, tmp_path, FIRST + REST, "--as", "operator-1", "--note", "said")
    out, _ = process.communicate(timeout=30)
    result = json.loads(out)
    assert (result["verdict"], result["reasons"], process.returncode) == ("PASS", [], 0)
    assert (result["executed"], result["marks"], result["drill_type"]) == (False, {}, "tabletop")
    assert result["rollback"] == "not needed: nothing was touched"
    capsys.readouterr()
    assert dcops(["records", "list", "--kind", "drill.answer", "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert len(kept) == len(FIRST + REST)
    assert {each["payload"]["person"] for each in kept} == {"operator-1"}
    assert dcops(["drill", "report", run]) == 0
    assert "TABLETOP / LATIHAN MEJA" in capsys.readouterr().out

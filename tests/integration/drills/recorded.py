"""A drill's run in a real journal, `dcops drill evidence` as its user calls it, and a bundle: fixtures."""

import os
from pathlib import Path
from typing import Any

import pytest

from dcops.cli.main import run
from dcops.core.clock import rfc3339, utc_now
from dcops.core.settings import Settings
from dcops.drills.bundle import unpack
from dcops.records.key_files import FileSigner, KeyFiles
from dcops.runs.run import start_run
from dcops.wiring.drills import journal_of, open_drills
from dcops.wiring.records import RECORDS_URL

ROOT = Path(__file__).parents[3]
DRILL = "naskah-db-loss"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of one drill's run, between those of others."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def settings(state: Path) -> Settings:
    return Settings(ROOT, state, state / "secrets", state / "no-identity", "lab")


@pytest.fixture(scope="module")
def run_id(settings: Settings) -> str:
    drills = open_drills(settings, "lab")
    journal = journal_of(drills)
    journal.append("run.started", {"verb": "another", "inventory": "lab", "host": "here"})
    at = rfc3339(utc_now())
    step = {"phase": "recover", "id": "load", "uses": "database.restore"}
    with start_run(
        settings.state, "drill run", environment="twin", inventory="lab", inventory_revision=drills.inventory.revision,
        journal=journal,
    ) as run:  # fmt: skip
        run.event("drill.started", drill=DRILL, seed=7, spec_sha256=drills.sha256(DRILL))
        run.event("step.started", **step, monotonic=1.0)
        run.event("step.ended", **step, state="ok", facts={"name": "Sri"}, started_utc=at, started_monotonic=1.0,
                  monotonic=2.0)  # fmt: skip
        run.record("drill.result", {
            "drill": DRILL, "drill_version": 1, "spec_sha256": drills.sha256(DRILL), "app": "naskah",
            "environment": "twin", "is_rehearsal": True, "verdict": "PASS", "exit_code": 0, "rollback": "complete",
            "marks": {"t_fault": at}, "rto_verified_seconds": 57.5, "rto_target_seconds": 900.0, "seed": 7,
            "target_standing": {"rto": "proposed"}, "worst_rpo_seconds": 1830.5, "projected_rto_seconds": None,
            "worst_rpo_parts": [{"source": "backup", "seconds": 1830.5, "interval_seconds": 1800.0}],
            "steps": [{**step, "state": "ok", "started_at": at, "duration_seconds": 1.0},
                      {**step, "id": "start", "state": "skipped", "started_at": at}],
        })  # fmt: skip
        number = run.run_id
    journal.append("run.started", {"verb": "another", "inventory": "lab", "host": "here"})
    return number


@pytest.fixture
def cli(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.delenv(RECORDS_URL, raising=False)
    monkeypatch.setenv("DCOPS_STATE", str(settings.state))
    monkeypatch.setenv("DCOPS_IDENTITY", str(settings.identity_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["drill", "evidence", *arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def bundle(cli: Any, run_id: str, tmp_path: Path) -> Path:
    path = tmp_path / "e.tar"
    code, _, err = cli("build", run_id[-6:], "--out", str(path), "-i", "lab")
    assert code == 0, err
    return path


@pytest.fixture
def public(bundle: Path) -> Path:
    path = bundle.with_name("public.pem")
    path.write_bytes(unpack(bundle.read_bytes())["key.pem"])
    return path


@pytest.fixture
def signer(settings: Settings) -> FileSigner:
    files = KeyFiles(settings.state / "records")
    return FileSigner(files, files.writer(os.uname().nodename))

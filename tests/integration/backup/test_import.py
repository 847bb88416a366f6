"""Receipts of other tools, from the command line into a real journal, and what status and policy make of them."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dcops.cli.main import run as dcops
from dcops.core.clock import rfc3339, utc_now
from dcops.core.settings import Settings
from dcops.inventory import load
from dcops.records.kinds.backup import BackupVerification
from dcops.records.service import Journal
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.wiring.records import RECORDS_URL, open_journal

APP = "naskah_dinas_elektronik"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An enrolled operations server with an empty journal."""
    for name in [each for each in os.environ if each.startswith("DCOPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv(RECORDS_URL, raising=False)
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DCOPS_IDENTITY", str(tmp_path / "identity.json"))
    monkeypatch.setenv("DCOPS_SECRETS", str(tmp_path / "secrets"))
    (tmp_path / "secrets").mkdir()
    for name in ("restic-password", "restic-http-jkt", "ca.crt"):
        (tmp_path / "secrets" / name).write_text("x")
        (tmp_path / "secrets" / name).chmod(0o600)
    issuer = SigningKey.generate()
    identity = issue_identity(issuer, environment="twin", site="jkt", inventory="lab", node="jkt-ops1",
                              machine_id=read_machine_id(), at=datetime(2026, 11, 24, tzinfo=UTC))  # fmt: skip
    save_identity(tmp_path / "identity.json", identity, issuer.public)
    # Nothing may be asked of the lab's addresses from here.
    monkeypatch.setattr("dcops.wiring.backup_foreign.hand_over", lambda *_: [])
    return tmp_path


def journal() -> Journal:
    settings = Settings.load()
    inventory = load(settings.inventory_root("lab"))
    return open_journal(settings, inventory, inventory.environment)


def write(host: Path, *rows: dict[str, Any]) -> str:
    path = host / "told.json"
    path.write_text(json.dumps({"version": 1, "backups": rows}, indent=1))
    return str(path)


def row(label: str = "j1", **changed: Any) -> dict[str, Any]:
    end = utc_now() - timedelta(hours=2)
    times = {"started_at": rfc3339(end - timedelta(hours=1)), "finished_at": rfc3339(end)}
    named = {"application": APP, "tool": "bacula", "repository": "tape-3", "label": label, "site": "drc"}
    return {**named, "status": "done", **times, **changed}


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert dcops([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_file_counts_once_and_never_as_verified(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(host, row(), row("j2", status="failed", error="tape full"))
    assert len(said(capsys, "backup", "import", path, "--check", code=4)["added"]) == 2
    assert said(capsys, "backup", "import", path)["known"] == 0
    again = said(capsys, "backup", "import", path)
    assert (again["added"], again["known"]) == ([], 2)
    assert len(list(journal().query(kind="backup.foreign"))) == 2
    own, told = said(capsys, "backup", "status", "--app", APP, code=14)["applications"]
    assert (own["status"], own["grade"]) == ("unknown", "")
    assert (told["status"], told["told_by"], told["grade"]) == ("pass", "bacula", "reported")
    (judged,) = said(capsys, "backup", "policy", "--app", APP, code=14)["applications"]
    lines = {line["rule"]: line for line in judged["lines"]}
    assert "only told of by another tool: tape-3" in lines["3 copies"]["reason"]
    assert lines["1 off-site"]["verdict"] == "declared"
    assert lines["fresh"]["verdict"] == "declared"
    assert lines["0 untested"]["verdict"] != "ok"
    assert "tape-3 was never restored" in lines["0 untested"]["reason"]


def test_data_that_came_back_raises_the_grade(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "backup", "import", write(host, row()))
    proof = BackupVerification(
        application=APP, repository="tape-3", method="verify full", status="pass", grade="restored"
    )
    journal().append(proof.kind, proof.model_dump(mode="json"))
    _, told = said(capsys, "backup", "status", "--app", APP, code=14)["applications"]
    assert told["grade"] == "restored"


def test_problems_are_told_all_at_once_and_nothing_is_kept(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(host, row(), row("j2", application="naskah"), row("j3", status="ok"))
    assert dcops(["backup", "import", path]) == 3
    error = capsys.readouterr().err
    assert f'{path}:14: application: "naskah" is unknown' in error
    assert f"{path}:24: status" in error
    assert list(journal().query(kind="backup.foreign")) == []
    same = row()
    said(capsys, "backup", "import", write(host, same))
    assert dcops(["backup", "import", write(host, {**same, "size_bytes": 9})]) == 3
    assert "was told otherwise before (" in capsys.readouterr().err


def test_a_host_that_is_not_enrolled_is_refused(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (host / "identity.json").unlink()
    assert dcops(["backup", "import", write(host, row()), "-i", "lab"]) == 7
    assert not (host / "state").exists() or list(journal().query(kind="backup.foreign")) == []

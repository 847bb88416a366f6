"""3-2-1-1-0 of the lab's application, from what lies in a real journal."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dcops.backup.copies import Line, Verdict
from dcops.cli.main import run as dcops
from dcops.core.clock import utc_now
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.inventory import load
from dcops.records.kinds.backup import BackupVerification, Receipt
from dcops.records.service import Journal
from dcops.wiring.backup_policy import judge_copies
from dcops.wiring.records import RECORDS_URL, open_journal

APP, REPOSITORY, ID = "naskah_dinas_elektronik", "drc-bkp1-jkt", "a" * 64


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv(RECORDS_URL, raising=False)
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DCOPS_IDENTITY", str(tmp_path / "none"))
    return Settings.load()


@pytest.fixture
def journal(settings: Settings) -> Journal:
    inventory = load(settings.inventory_root("lab"))
    return open_journal(settings, inventory, inventory.environment)


def back_up(journal: Journal, *, ended: datetime | None = None, status: str = "done") -> None:
    end = ended or utc_now() - timedelta(minutes=5)
    receipt = Receipt.model_validate({
        "application": APP, "run": "01M8", "status": status, "site": "jkt", "repository": REPOSITORY,
        "repository_id": ID, "tool": "restic 0.18.0", "started_at": end - timedelta(seconds=40), "finished_at": end,
        "duration_seconds": 40.0,
    })  # fmt: skip
    journal.append(receipt.kind, receipt.model_dump(mode="json"))


def verify(journal: Journal, **changed: object) -> None:
    fields = {"application": APP, "repository": REPOSITORY, "repository_id": ID, "method": "verify full"}
    payload = BackupVerification.model_validate({**fields, "status": "pass", "grade": "restored", **changed})
    journal.append(payload.kind, payload.model_dump(mode="json"))


def lines(settings: Settings) -> dict[str, Line]:
    (judged,) = judge_copies(settings, "lab", APP).applications
    return {line.rule: line for line in judged.lines}


def test_without_a_receipt_nothing_is_known(settings: Settings, journal: Journal) -> None:
    back_up(journal, status="failed")
    found = lines(settings)
    # Even with that repository there would be two copies of three.
    assert found.pop("3 copies").verdict is Verdict.FAIL
    assert {line.verdict for line in found.values()} == {Verdict.UNKNOWN}


def test_a_backup_that_came_back_leaves_only_the_third_copy_to_ask_for(settings: Settings, journal: Journal) -> None:
    back_up(journal)
    verify(journal)
    found = lines(settings)
    assert {rule: line.verdict.value for rule, line in found.items()} == {
        "3 copies": "fail", "2 media": "declared", "1 off-site": "declared", "1 append-only": "ok", "0 untested": "ok",
        "RPO": "ok", "fresh": "ok",
    }  # fmt: skip
    assert found["3 copies"].reason == "2 of 3: jkt-db1, drc-bkp1-jkt"
    name = journal.last("backup.receipt").journal  # type: ignore[union-attr]
    assert found["fresh"].shown_by == (f"{name}:2 backup.receipt",)
    assert found["0 untested"].shown_by == (f"{name}:3 backup.verification",)
    assert found["1 append-only"].shown_by == ("credentials.yml repository:drc-bkp1/jkt",)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "fail"},
        {"status": "interrupted"},
        {"method": "check --read-data"},
        {"repository_id": "b" * 64},
        {"repository": "another"},
    ],
)
def test_what_brought_nothing_back_from_there_is_no_test(
    settings: Settings, journal: Journal, changed: dict[str, object]
) -> None:
    back_up(journal)
    verify(journal, **changed)
    line = lines(settings)["0 untested"]
    assert (line.verdict, line.reason) == (Verdict.FAIL, f"{REPOSITORY} was never restored")


def test_a_credential_of_production_that_can_delete_the_copy_is_named(
    settings: Settings, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(settings.home / "inventory", tmp_path / "inventory")
    path = tmp_path / "inventory/lab/credentials.yml"
    path.write_text(path.read_text().replace('"device:drc-ops1", "device:drc-svc1"]', '"device:drc-*"]', 1))
    monkeypatch.setenv("DCOPS_HOME", str(tmp_path))
    back_up(journal)
    line = lines(Settings.load())["1 append-only"]
    assert line.verdict is Verdict.FAIL
    assert line.reason == f"operations-jkt could delete {REPOSITORY}"


def test_the_whole_catalogue_is_listed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcops(["backup", "policy", "-i", "lab", "--json"]) == 14
    found = json.loads(capsys.readouterr().out)["applications"]
    assert len(found) == 27
    assert sum(each["note"] == "not hosted in the lab" for each in found) == 20
    assert dcops(["backup", "policy", "-i", "lab"]) == 14
    said = capsys.readouterr().out
    assert "1 of 3: jkt-db1" in said
    assert "not hosted in the lab (20): kepegawaian" in said


def test_an_unknown_application_is_suggested(settings: Settings) -> None:
    with pytest.raises(UsageError, match="naskah_dinas_elektronik"):
        judge_copies(settings, "lab", "naskah_dinas_elektronk")

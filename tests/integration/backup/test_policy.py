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
from dcops.records.kinds.backup_copies import BackupCopy
from dcops.records.kinds.observations import Observation
from dcops.records.service import Journal
from dcops.wiring.backup_observe import ASPECT
from dcops.wiring.backup_policy import judge_copies
from dcops.wiring.records import RECORDS_URL, open_journal

APP, REPOSITORY, ID = "naskah_dinas_elektronik", "drc-bkp1-jkt", "a" * 64
SECOND, SECOND_ID = "jkt-svc1-jkt", "c" * 64


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
    assert {line.verdict for line in found.values()} == {Verdict.UNKNOWN}


def copy(journal: Journal, *, status: str = "done", ended: datetime | None = None) -> None:
    end = ended or utc_now() - timedelta(minutes=5)
    payload = BackupCopy(
        application=APP, run="01M8", status=status, source=REPOSITORY, source_id=ID, repository=SECOND,
        repository_id=SECOND_ID, tool="restic 0.18.0", set_finished_at=end, finished_at=utc_now(), duration_seconds=3.0,
    )  # fmt: skip
    journal.append(payload.kind, payload.model_dump(mode="json"))


def observe(journal: Journal, device: str, site: str) -> None:
    facts = {"machine_id": f"id of {device}", "path": "/srv", "filesystem": "1", "filesystem_type": "ext2/ext3",
             "site": site, "custody": ["production"]}  # fmt: skip
    payload = Observation.model_validate({"subject": device, "aspect": ASPECT, "status": "pass", "facts": facts})
    journal.append(payload.kind, payload.model_dump(mode="json"))


def verdicts(settings: Settings) -> dict[str, str]:
    return {rule: line.verdict.value for rule, line in lines(settings).items()}


def test_the_second_copy_counts_once_it_was_copied_and_tested(settings: Settings, journal: Journal) -> None:
    back_up(journal)
    verify(journal)
    assert lines(settings)["3 copies"].reason == (
        f"2 of 3: jkt-db1, {REPOSITORY}; no receipt is known here of {SECOND}"
    )
    copy(journal, status="failed")
    assert lines(settings)["3 copies"].verdict is Verdict.UNKNOWN
    copy(journal)
    found = lines(settings)
    assert {rule: line.verdict.value for rule, line in found.items()} == {
        "3 copies": "ok", "2 media": "declared", "1 off-site": "declared", "1 append-only": "ok", "0 untested": "fail",
        "RPO": "ok", "fresh": "ok",
    }  # fmt: skip
    assert found["3 copies"].reason == f"3 of 3: jkt-db1, {REPOSITORY}, {SECOND}"
    assert found["0 untested"].reason == f"{SECOND} was never restored"
    # The one at jkt stands on a server that the operations servers are root on.
    assert found["1 append-only"].reason.endswith(f"can delete {REPOSITORY}")
    verify(journal, repository=SECOND, repository_id=SECOND_ID)
    assert verdicts(settings)["0 untested"] == "ok"
    name = journal.last("backup.receipt").journal  # type: ignore[union-attr]
    assert found["3 copies"].shown_by == ("inventory jkt-db1", f"{name}:2 backup.receipt", f"{name}:5 backup.copy")


def test_media_and_off_site_are_ok_once_they_were_observed(settings: Settings, journal: Journal) -> None:
    back_up(journal)
    copy(journal)
    observe(journal, "jkt-db1", "jkt")
    observe(journal, "drc-bkp1", "drc")
    found = lines(settings)
    assert (found["2 media"].verdict, found["1 off-site"].verdict) == (Verdict.OK, Verdict.OK)
    name = journal.last("observation").journal  # type: ignore[union-attr]
    assert found["1 off-site"].shown_by == (f"{name}:5 observation",)


def test_a_machine_that_says_it_stands_elsewhere_is_believed_before_the_inventory(
    settings: Settings, journal: Journal
) -> None:
    back_up(journal)
    copy(journal)
    observe(journal, "jkt-db1", "jkt")
    observe(journal, "drc-bkp1", "jkt")
    assert lines(settings)["1 off-site"].verdict is Verdict.FAIL


def test_what_was_observed_too_long_ago_is_declared_again(
    settings: Settings, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(journal)
    copy(journal)
    observe(journal, "jkt-db1", "jkt")
    observe(journal, "drc-bkp1", "drc")
    monkeypatch.setattr("dcops.wiring.backup_policy.utc_now", lambda: utc_now() + timedelta(days=31))
    assert lines(settings)["1 off-site"].verdict is Verdict.DECLARED


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
    copy(journal)
    line = lines(Settings.load())["1 append-only"]
    assert line.verdict is Verdict.FAIL
    assert line.reason.startswith(f"operations-jkt could delete {REPOSITORY}; ")


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

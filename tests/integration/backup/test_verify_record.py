"""What a verification leaves in the real journal, and that the sweep knows this installation's dead runs."""

from pathlib import Path

import pytest

from dcops.backup.verify import Request
from dcops.core.settings import Settings
from dcops.inventory import load
from dcops.wiring.backup import Backup
from dcops.wiring.backup_verify import record_outcome, verify_set
from dcops.wiring.records import open_journal

from .conftest import RUNS, House


def test_the_record_tells_method_counts_grade_and_wipe(done: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCOPS_STATE", str(done.tmp / "state"))
    settings = Settings.load()
    inventory = load(settings.inventory_root("lab"))
    journal, restic = open_journal(settings, inventory, inventory.environment), done.restic()
    backup = Backup(settings, inventory, done.policy(), None, journal, done.service(restic), restic)
    request, said = Request("latest", 2), list[str]()
    with backup.run("backup verify") as running:
        left = Path("/var/tmp") / f"dcops-verify-{running.run_id}-db"
        outcome = verify_set(backup, request, running.run_id, said.append)
        record_outcome(backup, request, running.run_id, 1.0, outcome)
    assert outcome.error is None
    record = journal.last("backup.verification")
    assert record is not None
    payload = record.payload
    assert (payload["method"], payload["status"], payload["grade"]) == ("verify sample", "pass", "restored")
    assert (payload["set_run"], payload["files_checked"], payload["files_total"]) == (RUNS[0], 2, 10)
    assert (payload["wiped"], payload["has_receipt"]) == (True, False)
    left.mkdir(mode=0o700)  # what the run above would have left, had it been killed
    with backup.run("backup verify") as running:
        verify_set(backup, request, running.run_id, said.append)
    assert f"swept {left.name}, left by a killed run" in said
    assert not left.exists()

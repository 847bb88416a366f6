"""The supervisor as a process: its faults reach this host's journal. No twin is there, so each fault fails."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcops.core.errors import DcopsError, UsageError
from dcops.core.settings import Settings
from dcops.lab.model import Topology
from dcops.wiring.lab import Lab, open_lab
from dcops.wiring.records import RECORDS_URL, open_records, verify_records

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as every twin does")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A twin without nodes, links or pages, whose supervisor runs; below a short path, for its sockets."""
    monkeypatch.delenv(RECORDS_URL, raising=False)
    with tempfile.TemporaryDirectory(prefix="dcops-") as folder:
        top = Path(folder)
        settings = Settings(Path(__file__).parents[3], top / "state", top / "secrets", top / "identity.json")
        lab = open_lab(settings, "nolinks")
        lab.folders.faults.mkdir(parents=True)
        lab.folders.topology.write_text(Topology(inventory="lab", nodes=(), links=(), names=()).model_dump_json())
        lab.supervisor.ensure()
        try:
            yield lab
        finally:
            lab.supervisor.ask({"verb": "leave"})


def test_a_fault_is_a_record_of_this_hosts_journal_and_it_verifies(lab: Lab) -> None:
    with pytest.raises(UsageError, match="w9"):
        lab.supervisor.ask({"verb": "cut", "target": "w9", "silent": True})
    record = open_records(lab.settings).last("lab.fault")
    assert record is not None
    assert record.envelope.actor.endswith(f"@{os.uname().nodename}")
    assert record.envelope.environment.value == "twin"
    payload = dict(record.payload)
    assert "w9" in payload.pop("error")
    assert payload == {
        "twin": "nolinks", "verb": "cut", "target": "w9", "arguments": {"silent": True}, "is_ok": False, "details": {},
    }  # fmt: skip
    assert verify_records(lab.settings).is_valid


def test_a_journal_that_cannot_be_written_spools_the_record_and_the_answer_comes(lab: Lab) -> None:
    folder = lab.settings.state / "records"
    (folder / "journal.db").mkdir(parents=True)
    with pytest.raises(DcopsError, match="w9"):
        lab.supervisor.ask({"verb": "heal", "target": "w9"})
    assert len([path for path in (folder / "spool").rglob("*") if path.is_file() and "heal" in path.read_text()]) == 1

"""The supervisor as a process: its faults reach this host's journal. No twin is there, so each fault fails."""

import os
import socket
import tempfile
import threading
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


def test_what_becomes_of_a_twin_is_a_record_and_a_broken_journal_only_a_warning(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.record("up", nodes=["a"], image="0" * 16, duration_seconds=1.5)
    record = open_records(lab.settings).last("lab.state")
    assert record is not None
    assert (record.payload["twin"], record.payload["verb"], record.payload["nodes"]) == ("nolinks", "up", ["a"])
    lab.settings.identity_path.write_text("not an identity")
    lab.record("down")
    assert "no record of it: " in caplog.text


def test_an_answer_that_breaks_off_says_where_to_look(lab: Lab) -> None:
    def hang_up(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(b'{"ok": tr')
        connection.close()

    control = lab.folders.control
    control.rename(control.with_name("kept.sock"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(control))
        listener.listen()
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        with pytest.raises(DcopsError, match=r"hung up.*supervisor\.log"):
            lab.supervisor.ask({"verb": "ping"})
    control.with_name("kept.sock").rename(control)

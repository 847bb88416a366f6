"""What another operations server handed over: read when it verifies with the key known here, else said to be wrong."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcops.core.settings import Settings
from dcops.core.words import Environment
from dcops.records.kinds.backup import Receipt
from dcops.records.service import Journal
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.wiring.backup import JournalReceipts
from dcops.wiring.handover import RECEIVED
from dcops.wiring.received import received_journals
from dcops.wiring.records import PEERS, RECORDS_URL, export_records, open_journal

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LAB: Any = SimpleNamespace(
    name="lab",
    revision="0" * 64,
    environment=Environment.TWIN,
    devices_with_role=lambda _role: [SimpleNamespace(name="jkt-ops1"), SimpleNamespace(name="drc-ops1")],
)
RECEIPT = Receipt(
    application="naskah", run="RUN", status="done", error="", exit_code=0, site="jkt", repository="r",
    repository_id="1", tool="restic", dump_snapshot="d", started_at=NOON, finished_at=NOON, duration_seconds=1.0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RECORDS_URL, raising=False)


def host(folder: Path, node: str) -> tuple[Settings, Journal]:
    key, path = SigningKey.generate(), folder / node / "identity.json"
    identity = issue_identity(
        key, environment="twin", site=node[:3], inventory="lab", node=node, machine_id=read_machine_id(), at=NOON
    )
    save_identity(path, identity, key.public)
    settings = Settings(folder, folder / node / "state", folder / node / "secrets", path)
    return settings, open_journal(settings, LAB, "twin")


@pytest.fixture
def recovery(tmp_path: Path) -> tuple[Settings, Journal]:
    """The recovery site's operations server, after the other one handed over its journal with one receipt."""
    primary, journal = host(tmp_path, "jkt-ops1")
    journal.append(Receipt.kind, RECEIPT.model_dump(mode="json"), run="RUN")
    settings, own = host(tmp_path, "drc-ops1")
    goal = settings.state / RECEIVED / "jkt-ops1"
    export_records(primary, journal, goal, "jkt-ops1")
    peers = settings.state / PEERS
    peers.mkdir(parents=True)
    (peers / "jkt-ops1.json").write_bytes((goal / "keys.json").read_bytes())
    return settings, own


def everywhere(recovery: tuple[Settings, Journal]) -> Any:
    settings, own = recovery
    return JournalReceipts(settings, own, cast(Any, LAB), "drc").everywhere("naskah")


def test_a_receipt_in_a_journal_that_was_handed_over_counts_and_says_where_it_stands(
    recovery: tuple[Settings, Journal],
) -> None:
    found = everywhere(recovery)
    assert [(journal, receipt.run) for journal, receipt in found.receipts] == [("jkt-ops1", "RUN")]
    assert found.problems == ()


def test_it_is_merged_with_what_this_host_recorded_itself(recovery: tuple[Settings, Journal]) -> None:
    recovery[1].append(Receipt.kind, RECEIPT.model_copy(update={"run": "OWN"}).model_dump(mode="json"), run="OWN")
    assert {journal for journal, _ in everywhere(recovery).receipts} == {"jkt-ops1", "drc-ops1"}


def test_a_changed_journal_gives_no_receipt_and_is_told(recovery: tuple[Settings, Journal]) -> None:
    path = recovery[0].state / RECEIVED / "jkt-ops1" / "records.jsonl"
    path.write_text(path.read_text().replace("RUN", "NUR"))
    found = everywhere(recovery)
    assert found.receipts == ()
    assert "journal received from jkt-ops1 is not believed" in found.problems[0]


@pytest.mark.parametrize("name", ["", "elsewhere"], ids=["another key", "a key for another journal"])
def test_only_the_key_this_host_was_given_vouches(recovery: tuple[Settings, Journal], name: str) -> None:
    path = recovery[0].state / PEERS / "jkt-ops1.json"
    keys = json.loads(path.read_text())
    if name:
        keys["keys"] = [{**key, "journal": name} for key in keys["keys"]]
    else:
        keys["keys"] = [{**SigningKey.generate().public.jwk, "journal": "jkt-ops1"}]
    path.write_text(json.dumps(keys))
    assert everywhere(recovery).receipts == ()


def test_without_a_key_nothing_is_believed_and_nothing_is_raised(recovery: tuple[Settings, Journal]) -> None:
    (recovery[0].state / PEERS / "jkt-ops1.json").unlink()
    (found,) = received_journals(recovery[0], LAB)
    assert "no key vouches" in found.problem

"""Journals exchanged over a real sshd on loopback, with a key that a forced command ties to the exchange."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcops.backup.ssh import SshTarget
from dcops.core.settings import Settings
from dcops.inventory import load
from dcops.records.service import Journal
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, load_identity, read_machine_id, save_identity
from dcops.wiring import exchange as exchanging
from dcops.wiring.received import records_everywhere
from dcops.wiring.records import RECORDS_URL, journal_key, open_journal

ROOT = Path(__file__).parents[3]
NAMES = ("jkt-ops1", "drc-bkp1")


def variables(folder: Path) -> dict[str, str]:
    return {"DCOPS_HOME": str(ROOT), "DCOPS_STATE": str(folder / "state"), "DCOPS_IDENTITY": str(folder / "id.json"),
            "DCOPS_SECRETS": str(folder / "secrets")}  # fmt: skip


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, Journal]:
    for name, value in variables(folder).items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    inventory = load(settings.inventory_root("lab"))
    return settings, open_journal(settings, inventory, inventory.environment)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """An operations server and the retention host, each with a record, an identity and the other's public key."""
    for name in [each for each in os.environ if each.startswith("DCOPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv(RECORDS_URL, raising=False)
    issuer = SigningKey.generate()
    folders = {name: tmp_path / name for name in NAMES}
    for name, folder in folders.items():
        identity = issue_identity(issuer, environment="twin", site=name[:3], inventory="lab", node=name,
                                  machine_id=read_machine_id(), at=datetime(2026, 11, 24, tzinfo=UTC))  # fmt: skip
        save_identity(folder / "id.json", identity, issuer.public)
        settings, journal = enter(folder, monkeypatch)
        journal.append("run.started", {"verb": f"of {name}", "inventory": "lab", "host": name}, run="R0")
        journal_key(settings, None)
    for name, other in (NAMES, NAMES[::-1]):
        peers = folders[name] / "state/records/peers"
        peers.mkdir()
        shutil.copy(folders[other] / "state/records/keys.json", peers / f"{other}.json")
    return folders


@pytest.fixture
def tied(ssh_server: SshTarget, nodes: dict[str, Path], tmp_path: Path) -> SshTarget:
    """The retention host's way to the operations server: a key that can do one thing there."""
    key = tmp_path / "exchange"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    assert ssh_server.identity is not None
    words = " ".join(f"{name}={value}" for name, value in variables(nodes["jkt-ops1"]).items())
    program = Path(sys.executable).with_name("dcops")
    line = f'restrict,command="env {words} {program} records exchange --with drc-bkp1" {Path(f"{key}.pub").read_text()}'
    with (ssh_server.identity.parent / "authorized").open("a") as file:
        file.write(line)
    return replace(ssh_server, name="jkt-ops1", identity=key)


def test_each_side_gets_the_others_journal_and_nobody_gets_more(
    nodes: dict[str, Path], tied: SshTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, journal = enter(nodes["drc-bkp1"], monkeypatch)
    inventory = load(settings.inventory_root("lab"))
    monkeypatch.setattr(
        exchanging, "SshTarget", lambda name, _: tied if name == "jkt-ops1" else replace(tied, name=name)
    )
    warnings = exchanging.exchange(settings, inventory, load_identity(settings.identity_path), journal)
    # The other operations server of the inventory is not here: what answered in its place is not believed.
    assert len(warnings) == 1
    assert "the journal of drc-ops1 was not fetched" in warnings[0]
    found, problems = records_everywhere(settings, inventory, journal, "run.started")
    assert problems == ()
    assert {record.payload["verb"] for record in found} == {"of jkt-ops1", "of drc-bkp1"}
    operations, own = enter(nodes["jkt-ops1"], monkeypatch)
    there, _ = records_everywhere(operations, inventory, own, "run.started")
    assert {record.payload["verb"] for record in there} == {"of jkt-ops1", "of drc-bkp1"}
    # Whatever else is asked for with that key, the answer is the exchange.
    marker = nodes["jkt-ops1"] / "touched"
    said = tied.run(["touch", str(marker)], input=b"", check=False).stdout
    assert not marker.exists()
    assert b"records.jsonl" in said

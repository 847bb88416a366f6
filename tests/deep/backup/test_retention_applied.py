"""Retention on a real repository, with receipts from a real journal that was exchanged and verified."""

import io
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dcops.cli.main import run as dcops
from dcops.core.clock import utc_now
from dcops.core.errors import JournalInvalid, Refused
from dcops.core.settings import Settings
from dcops.inventory import load
from dcops.records.kinds.backup import BackupVerification, Receipt
from dcops.records.kinds.backup_copies import ConfigurationsReceipt
from dcops.records.service import Journal
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.wiring.exchange import packed, peer_named, receive
from dcops.wiring.records import RECORDS_URL, journal_key, open_journal

APP, REPOSITORY, KEY = "naskah_dinas_elektronik", "drc-bkp1-jkt", "canary-production-key"
ROOT = Path(__file__).parents[3]
OPERATIONS = ("jkt-ops1", "drc-ops1")


@dataclass
class Node:
    """One host with folders of its own; entering it points dcops there."""

    name: str
    folder: Path
    home: Path

    def enter(self) -> Settings:
        values = {"HOME": self.home, "STATE": self.folder / "state", "SECRETS": self.folder / "secrets",
                  "IDENTITY": self.folder / "identity.json"}  # fmt: skip
        os.environ.update({f"DCOPS_{name}": str(value) for name, value in values.items()})
        return Settings.load()

    def journal(self) -> Journal:
        settings = self.enter()
        inventory = load(settings.inventory_root("lab"))
        return open_journal(settings, inventory, inventory.environment)


@dataclass
class Ground:
    """The operations servers, the retention host, and the repository that lies there."""

    nodes: dict[str, Node]
    repository: Path
    capture: pytest.CaptureFixture[str] | None = None

    def restic(self, *words: str, key: str = KEY, stdin: bytes = b"") -> str:
        env = {**os.environ, "RESTIC_PASSWORD": key, "RESTIC_REPOSITORY": str(self.repository)}
        done = subprocess.run(["restic", "--no-cache", *words], env=env, input=stdin, capture_output=True, check=True)
        return done.stdout.decode()

    def ids(self) -> list[str]:
        return [each["id"] for each in json.loads(self.restic("snapshots", "--json"))]

    def store(self, run: str, *, at: datetime | None = None, application: str = APP) -> None:
        when = ["--time", f"{at:%Y-%m-%d %H:%M:%S}"] if at else []
        tags = [word for tag in (f"app={application}", f"run={run}", "part=manifest") for word in ("--tag", tag)]
        self.restic("backup", "--stdin", *tags, *when, stdin=run.encode())

    def exchange(self, name: str = "jkt-ops1") -> None:
        archive = packed(self.nodes[name].enter(), self.nodes[name].journal())
        receive(self.nodes["drc-bkp1"].enter(), name, archive)

    def dcops(self, *words: str) -> tuple[int, str, str]:
        self.nodes["drc-bkp1"].enter()
        assert self.capture is not None
        self.capture.readouterr()
        code = dcops(["backup", "retention", *words])
        said = self.capture.readouterr()
        return code, said.out, said.err

    def plan(self) -> dict[str, Any]:
        code, out, err = self.dcops("plan", "--no-fetch", "--json")
        assert code in (0, 14), err
        found: dict[str, Any] = json.loads(out)
        return {**found, "code": code}

    def apply(self, plan_id: str) -> tuple[int, str, str]:
        code, out, err = self.dcops("apply", "--plan-id", plan_id, "--yes", "--json")
        return code, out, err + out

    def last(self) -> dict[str, Any]:
        record = self.nodes["drc-bkp1"].journal().last("backup.retention")
        assert record is not None
        return dict(record.payload)


def receipt(run: str, snapshot: dict[str, Any], repository_id: str) -> dict[str, Any]:
    now = utc_now()
    made = Receipt(
        application=APP, run=run, status="done", site="jkt", repository=REPOSITORY, repository_id=repository_id,
        tool="restic", manifest_snapshot=snapshot["id"], started_at=now - timedelta(seconds=60), finished_at=now,
        duration_seconds=60.0,
    )  # fmt: skip
    return made.model_dump(mode="json")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's inventory, the repository in a folder here; the newest of this hour is kept, and one verified."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("inventory", "monitors", "runbooks"):
        shutil.copytree(ROOT / name, folder / name)
    path = folder / f"inventory/lab/backup/{APP}.yml"
    text = path.read_text().replace("/srv/restic/jkt", str(folder / "repository"))
    rules = "minimum_verified: {value: 1}\n  keep_within: {value: 0s}\n  keep: {hourly: 1}"
    for other in (folder / "inventory/lab/backup").glob("*.yml"):
        if other != path:  # they keep to the repository as the lab has it
            other.unlink()
    path.write_text(text.replace("keep: {hourly: 48, daily: 14, weekly: 8, monthly: 12, yearly: 5}", rules))
    return folder


@pytest.fixture(scope="module")
def made(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sets of jkt-ops1, the oldest verified, the retention host enrolled; made once."""
    base = tmp_path_factory.mktemp("ground")
    issuer = SigningKey.generate()
    for name in (*OPERATIONS, "drc-bkp1"):
        node = Node(name, base / name, home)
        identity = issue_identity(issuer, environment="twin", site=name[:3], inventory="lab", node=name,
                                  machine_id=read_machine_id(), at=datetime(2026, 11, 24, tzinfo=UTC))  # fmt: skip
        save_identity(node.folder / "identity.json", identity, issuer.public)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "STATE", "SECRETS", "IDENTITY"):
            patch.setenv(f"DCOPS_{name}", "")  # put back afterwards
        patch.delenv(RECORDS_URL, raising=False)
        patch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
        ground = Ground({n: Node(n, base / n, home) for n in (*OPERATIONS, "drc-bkp1")}, home / "repository")
        fill(ground)
        ground.nodes["drc-bkp1"].enter()
        assert dcops(["backup", "retention", "enrol"]) == 0
    shutil.copytree(home / "repository", base / "repository")
    return base


def fill(ground: Ground) -> None:
    ground.restic("init")
    repository_id = json.loads(ground.restic("cat", "config"))["id"]
    for run in ("R1", "R2", "R3"):
        ground.store(run)
    ground.store("N1", application="network_configurations")
    *listed, devices = json.loads(ground.restic("snapshots", "--json"))
    for name in OPERATIONS:
        journal = ground.nodes[name].journal()
        journal.append("run.started", {"verb": "api", "inventory": "lab", "host": name}, run="R0")
        for run, snapshot in zip(("R1", "R2", "R3"), listed, strict=True) if name == "jkt-ops1" else ():
            journal.append(Receipt.kind, receipt(run, snapshot, repository_id))
        _, _ = journal_key(ground.nodes[name].enter(), None)
        keys = (ground.nodes[name].folder / "state/records/keys.json").read_text()
        peers = ground.nodes["drc-bkp1"].folder / "state/records/peers"
        peers.mkdir(parents=True, exist_ok=True)
        (peers / f"{name}.json").write_text(keys)
    kept = ConfigurationsReceipt(
        run="N1", status="done", site="jkt", repository=REPOSITORY, repository_id=repository_id, tool="restic",
        manifest_snapshot=devices["id"], started_at=utc_now(), finished_at=utc_now(), duration_seconds=1.0,
    )  # fmt: skip
    ground.nodes["jkt-ops1"].journal().append(kept.kind, kept.model_dump(mode="json"))
    proof = BackupVerification(application=APP, repository=REPOSITORY, repository_id=repository_id, set_run="R1",
                               method="verify full", status="pass", grade="restored")  # fmt: skip
    ground.nodes["jkt-ops1"].journal().append(proof.kind, proof.model_dump(mode="json"))
    for name in OPERATIONS:
        ground.exchange(name)


@pytest.fixture
def ground(
    made: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Ground:
    monkeypatch.delenv(RECORDS_URL, raising=False)
    for name in ("HOME", "STATE", "SECRETS", "IDENTITY"):
        monkeypatch.setenv(f"DCOPS_{name}", "")  # put back afterwards
    shutil.rmtree(home / "repository")
    shutil.copytree(made / "repository", home / "repository")
    for name in (*OPERATIONS, "drc-bkp1"):
        shutil.copytree(made / name, tmp_path / name)
    found = Ground({n: Node(n, tmp_path / n, home) for n in (*OPERATIONS, "drc-bkp1")}, home / "repository", capsys)
    # Here nothing may be asked of the lab's addresses: the exchange happens between folders.
    monkeypatch.setattr("dcops.wiring.backup_retention.exchange", lambda *_: [])
    return found


def test_what_no_rule_keeps_goes_by_its_id_and_the_verified_stays(ground: Ground) -> None:
    secret = ground.nodes["drc-bkp1"].folder / "secrets/restic-retention"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().strip() != KEY
    before, plan = ground.ids(), ground.plan()
    assert (plan["code"], plan["doubts"], plan["warnings"]) == (0, [], [])
    seen = ground.nodes["drc-bkp1"].journal().last("observation")
    assert seen is not None
    assert seen.payload["subject"] == "drc-bkp1"
    assert (seen.payload["facts"]["site"], seen.payload["facts"]["custody"]) == ("drc", ["retention"])
    assert seen.payload["facts"]["path"] == str(ground.repository)
    assert {each["run"]: each["reasons"][-1] for each in plan["keep"]} == {
        "R3": "hourly", "R1": "verified, 1 of 1", "N1": "hourly",
    }  # fmt: skip
    assert [each["run"] for each in plan["forget"]] == ["R2"]
    assert ground.ids() == before
    code, out, err = ground.apply(plan["plan_id"])
    assert code == 0, err
    assert ground.ids() == [before[0], *before[2:]]
    record = json.loads(out)["record"]
    assert record == ground.last()
    assert (record["status"], record["pruned"], record["kept"], record["verified"]) == ("done", True, 3, {APP: 1})
    assert [each["run"] for each in record["forgotten"]] == ["R2"]
    ground.restic("check", "--read-data", key=secret.read_text().strip())
    # Applied once, the plan is one of another state.
    code, _, err = ground.apply(plan["plan_id"])
    assert code == 7
    assert "not the one named" in err
    assert ground.plan()["forget"] == []


def test_a_forged_and_a_future_snapshot_are_named_and_nothing_is_touched(ground: Ground) -> None:
    good = ground.plan()["plan_id"]
    ground.store("R9", at=utc_now() - timedelta(days=3))
    ground.store("R8", at=utc_now() + timedelta(days=3))
    before, plan = ground.ids(), ground.plan()
    assert plan["code"] == 14
    assert [each["kind"] for each in plan["doubts"]] == ["forged", "future"]
    for plan_id in (good, plan["plan_id"]):
        code, _, err = ground.apply(plan_id)
        assert code == 7
        for each in plan["doubts"]:
            assert each["snapshot"][:8] in err
    assert ground.ids() == before
    record = ground.last()
    assert record["status"] == "refused"
    assert len(record["doubts"]) == 2


def test_a_plan_of_another_state_is_refused(ground: Ground) -> None:
    plan_id = ground.plan()["plan_id"]
    repository_id = json.loads(ground.restic("cat", "config"))["id"]
    proof = BackupVerification(application=APP, repository=REPOSITORY, repository_id=repository_id, set_run="R2",
                               method="verify full", status="pass", grade="restored")  # fmt: skip
    ground.nodes["jkt-ops1"].journal().append(proof.kind, proof.model_dump(mode="json"))
    ground.exchange()
    code, _, err = ground.apply(plan_id)
    assert code == 7
    assert "not the one named" in err
    assert len(ground.ids()) == 4


def test_only_the_retention_host_may(ground: Ground) -> None:
    ground.nodes["jkt-ops1"].enter()
    for words in (["plan"], ["apply", "--plan-id", "a" * 12, "--yes"], ["enrol"]):
        assert dcops(["backup", "retention", *words]) == 7
        assert ground.capture is not None
        assert "node is jkt-ops1, not drc-bkp1" in ground.capture.readouterr().err


def test_another_repository_at_the_path_is_refused(ground: Ground) -> None:
    own = (ground.nodes["drc-bkp1"].folder / "secrets/restic-retention").read_text().strip()
    shutil.rmtree(ground.repository)
    ground.restic("init", key=own)
    code, _, err = ground.dcops("plan", "--no-fetch")
    assert code == 7
    assert "enrolled is" in err


def test_a_journal_that_was_begun_anew_never_replaces_what_was_fetched(ground: Ground) -> None:
    """Whoever has root on an operations server can write a new chain with the key there, and not the old one's past."""
    jkt = ground.nodes["jkt-ops1"]
    (jkt.folder / "state/records/journal.db").unlink()
    for _ in range(9):
        jkt.journal().append("run.started", {"verb": "api", "inventory": "lab", "host": jkt.name}, run="R0")
    with pytest.raises(JournalInvalid, match="does not continue"):
        ground.exchange()
    assert {each["run"] for each in ground.plan()["keep"]} == {"R3", "R1", "N1"}


def test_a_journal_nobody_vouches_for_is_not_kept(ground: Ground) -> None:
    (ground.nodes["drc-bkp1"].folder / "state/records/peers/jkt-ops1.json").write_text(
        (ground.nodes["drc-ops1"].folder / "state/records/keys.json").read_text()
    )
    with pytest.raises(Exception, match=r"another journal's|findings"):
        ground.exchange()
    plan = ground.plan()
    assert plan["code"] == 14
    assert "not believed" in plan["problems"][0]
    inventory = load(Settings.load().inventory_root("lab"))
    with pytest.raises(Refused, match="exchanges no journals"):
        peer_named(inventory, "jkt-app1")

"""What must be impossible (points 1, 3, 4 and 8), asked of the command line: refused, and nothing touched.

Held elsewhere, so not repeated here:

| what | where |
|---|---|
| 1: each field of an identity, a copied or changed one, a missing key | tests/unit/runs/test_identity.py |
| 1: a journal opened for another environment or inventory than attested | tests/integration/records/test_wiring.py |
| 1: another repository than the enrolled one | tests/integration/backup/test_backup_run.py |
| 2: what disrupts is refused outside a rehearsal, before a run begins | tests/integration/drills/test_prepare.py |
| 2: which class may run where; no drill action destroys | tests/unit/drills/test_plan.py, tests/unit/dr_drills/ |
| 3: every address and name that a lab may not hold, with its line | tests/unit/inventory/bad/*-not-for-a-lab |
| 3: why a device may not be written on | tests/unit/inventory/test_custody_and_writing.py |
| 3: no packet leaves with the twin down; production lists no placeholder | tests/e2e/test_inventory_ansible.py |
| 4: which of the records verbs need -i | tests/integration/records/test_command_line.py |
| 4: what the id of a plan covers | tests/unit/runs/test_plan.py |
| 8: a secret in a record, event, artifact, spool or program's error | tests/integration/records/test_canaries.py |
| 8: a secret that stands where a reference should | tests/unit/inventory/test_bad_specs.py |
"""

import importlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from dcops.cli.main import run
from dcops.cli.table import NOUNS
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity

ROOT = Path(__file__).parents[2]
HASH = "a" * 64
CANARY = "canary-7d20c5"
SECRETS = ("restic-password", "restic-http-jkt", "restic-http-drc", "naskah-db-password", "ca.crt")

WRITING = {
    "records head": ("records", "head"),
    "records export": ("records", "export", "--out", "out"),
    "records approve": ("records", "approve", HASH, "--person", "approver-1", "--key", "key"),
    "records approvals": ("records", "approvals", HASH),
    "records keygen": ("records", "keygen", "--rotate"),
    "provision run": ("provision", "run", "site", "--yes"),
    "net apply": ("net", "apply", "all", "--yes"),
    "net restore": ("net", "restore", "jkt-rtr2", "--yes"),
    "net service move": ("net", "service", "move", "naskah", "--to", "drc", "--yes"),
    "backup run": ("backup", "run", "--app", "naskah_dinas_elektronik", "--yes"),
    "backup restore": ("backup", "restore", "latest", "--app", "naskah_dinas_elektronik", "--to", "restored"),
    "backup copy": ("backup", "copy", "--app", "naskah_dinas_elektronik"),
    "backup import": ("backup", "import", "told.json"),
    "backup retention apply": ("backup", "retention", "apply", "--plan-id", HASH, "--yes"),
    "drill run": ("drill", "run", "naskah-db-loss", "--yes"),
    "drill resume": ("drill", "resume", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    "kit build": ("kit", "build", "--to", "kit.tar"),
    "drill abort": ("drill", "abort", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
}
# What acts on devices and servers, beyond this host's own journal.
ACTING = ("provision run", "net apply", "net service move", "backup run", "drill run")


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Host:
    """A machine with its own folders: nothing in them but what a test put there."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    home: Path = ROOT

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def identity(self) -> Path:
        return self.folder / "etc" / "identity.json"

    def enrol(
        self, *, environment: str = "twin", inventory: str = "lab", site: str = "jkt", machine_id: str = ""
    ) -> None:
        key = SigningKey.generate()
        identity = issue_identity(
            key,
            environment=environment,
            site=site,
            inventory=inventory,
            node="jkt-ops1",
            machine_id=machine_id or read_machine_id(),
            at=datetime(2026, 11, 24, tzinfo=UTC),
        )
        save_identity(self.identity, identity, key.public)

    def keep(self, names: tuple[str, ...], content: str) -> None:
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        for name in names:
            path = self.secrets / name
            path.write_text(content)
            path.chmod(0o600)

    def run(self, *arguments: str, **variables: str) -> Done:
        """Run the command line in this process: forty processes would take minutes."""
        own = {
            "DCOPS_HOME": str(self.home),
            "DCOPS_STATE": str(self.state),
            "DCOPS_SECRETS": str(self.secrets),
            "DCOPS_IDENTITY": str(self.identity),
        }
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("DCOPS_")]:
                patch.delenv(name)
            for name, value in {**own, **variables}.items():
                patch.setenv(name, value)
            patch.chdir(work)
            self.capture.readouterr()
            code = run(arguments)
            return Done(code, *self.capture.readouterr())

    def written(self, *, may_record: bool = False) -> list[str]:
        """Give every file in the state folder and the working folder, perhaps without the record of the refusal."""
        folders = (self.state, self.folder / "work")
        found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if not may_record or self.state / "records" not in path.parents)


@pytest.fixture
def host(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capfd)


def own_home(host: Host, file: str, was: str, becomes: str) -> None:
    """Give the host content of its own, with one text changed in one file."""
    host.home = host.folder / "home"
    for name in ("inventory", "dr_drills/scenarios"):
        shutil.copytree(ROOT / name, host.home / name)
    (host.home / "playbooks").symlink_to(ROOT / "playbooks")
    path = host.home / file
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes, 1))


def refused(host: Host, verb: str, *options: str, code: int = 7, may_record: bool = False) -> str:
    done = host.run(*WRITING[verb], *options)
    print(done.stderr)
    assert done.returncode == code, (verb, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert host.written(may_record=may_record) == []
    return done.stderr


# Point 1: the environment is attested


@pytest.mark.parametrize("verb", [verb for verb in WRITING if verb != "drill abort"])  # that looks for its run first
def test_a_copied_identity_refuses_every_writing_verb(host: Host, verb: str) -> None:
    host.enrol(machine_id="0" * 32)
    assert "issued for another machine" in refused(host, verb)


@pytest.mark.parametrize("verb", ACTING)
def test_a_host_of_another_environment_refuses(host: Host, verb: str) -> None:
    host.enrol(environment="scratch")
    assert "environment is scratch, not twin" in refused(host, verb)


@pytest.mark.parametrize("verb", ACTING)
def test_a_host_of_another_inventory_refuses(host: Host, verb: str) -> None:
    host.enrol(inventory="other")
    assert "inventory is other, not lab" in refused(host, verb, "-i", "lab")


# Point 3: no collisions


@pytest.mark.parametrize("verb", ["records head", *ACTING])
def test_a_lab_with_an_address_from_outside_is_refused_by_every_verb(host: Host, verb: str) -> None:
    own_home(host, "inventory/lab/devices/jkt.yml", "198.18.10.11", "203.0.113.11")
    host.enrol()
    said = refused(host, verb, code=3)
    assert re.search(r"devices/jkt\.yml:\d+: .*203\.0\.113\.11 is not allowed in a twin", said)


@pytest.mark.parametrize("verb", ACTING)
def test_addresses_for_laboratories_are_refused_by_writing_verbs_in_production(host: Host, verb: str) -> None:
    own_home(host, "inventory/lab/inventory.yml", "environment: twin", "environment: production")
    (host.home / "inventory/lab/calendar.yml").write_text("")  # no pattern of it would choose anything now
    scenario = host.home / "dr_drills/scenarios/naskah-db-loss.yml"
    scenario.write_text(scenario.read_text().replace("environments: [twin]", "environments: [twin, production]"))
    host.enrol(environment="production", site="drc" if verb == "drill run" else "jkt")
    host.keep(SECRETS, "x")
    if verb == "provision run":  # such hosts are not even listed
        assert "matches nothing" in refused(host, verb, code=2)
    else:
        assert "an address for laboratories" in refused(host, verb, may_record=True)


def _recorded_refusals(host: Host) -> list[dict[str, Any]]:
    done = host.run("records", "list", "--kind", "run.refused", "--json")
    assert done.returncode == 0, done.stderr
    return [record["payload"] for record in json.loads(done.stdout)]


@pytest.mark.parametrize("verb", ["net apply", "net service move", "backup run"])
def test_a_refusal_before_the_run_begins_is_recorded(host: Host, verb: str) -> None:
    own_home(host, "inventory/lab/inventory.yml", "environment: twin", "environment: production")
    (host.home / "inventory/lab/calendar.yml").write_text("")
    host.enrol(environment="production")
    host.keep(SECRETS, "x")
    said = refused(host, verb, may_record=True)
    (payload,) = _recorded_refusals(host)
    assert payload["verb"] == verb
    assert payload["reasons"][0] in said


@pytest.mark.parametrize("verb", ["backup run", "backup restore"])
def test_a_site_without_an_account_is_refused_and_recorded(host: Host, verb: str) -> None:
    host.enrol(site="pdn")
    host.keep(SECRETS, "x")
    assert 'site "pdn" has no account' in refused(host, verb, may_record=True)
    assert [payload["verb"] for payload in _recorded_refusals(host)] == [verb]


@pytest.mark.parametrize("verb", ACTING)
def test_a_host_that_is_not_enrolled_records_nothing(host: Host, verb: str) -> None:
    host.keep(SECRETS, "x")
    if verb != "provision run":  # the twin's host may provision
        refused(host, verb, "-i", "lab")


# Point 4: no default inventory for writing verbs


@pytest.mark.parametrize("verb", WRITING)
def test_a_writing_verb_has_no_default_inventory(host: Host, verb: str) -> None:
    done = host.run(*WRITING[verb], DCOPS_INVENTORY="lab")
    assert done.returncode == 2
    assert "no default inventory" in done.stderr
    assert host.written() == []


def _verbs(path: str, command: Any) -> Iterator[tuple[str, set[str]]]:
    children = getattr(command, "commands", None)
    if not children:
        yield path, {name for parameter in command.params for name in parameter.opts}
        return
    for name, child in children.items():
        yield from _verbs(f"{path} {name}", child)


def test_every_verb_that_asks_before_acting_is_held_to_that() -> None:
    acting = {
        path
        for noun, (module, _) in NOUNS.items()
        for path, options in _verbs(noun, typer.main.get_command(importlib.import_module(module).app))
        if {"--yes", "--inventory"} <= options
    }
    assert acting <= set(WRITING)
    assert len(acting) >= 5


@pytest.mark.parametrize("named", [(), ("--plan-id", "f" * 12)])
def test_in_production_nothing_is_done_unasked_without_the_plan_that_was_seen(
    host: Host, named: tuple[str, ...]
) -> None:
    own_home(host, "inventory/production/devices/dc.yml", "lan0: {}", "lan0: {address: 10.1.1.5/24}")
    device = host.home / "inventory/production/devices/dc.yml"
    device.write_text(device.read_text().replace("planned", "active"))
    host.enrol(environment="production", inventory="production")
    said = refused(host, "provision run", *named, may_record=True)
    assert ("not the one named" if named else "needs the id of a plan") in said
    (payload,) = _recorded_refusals(host)
    assert payload["verb"] == "provision run"


# Point 8: secrets


def test_a_canary_for_every_secret_is_in_no_output_record_or_listing(host: Host) -> None:
    references = set()
    for path in (ROOT / "inventory" / "lab").rglob("*.yml"):
        references |= set(re.findall(r"file:([\w.-]+)", path.read_text()))
    assert {"restic-password", "naskah-db-password"} <= references
    host.keep(tuple(references), CANARY)
    host.enrol()
    calls = [
        ("inventory", "validate", "-i", "lab"),
        ("inventory", "list", "--everything", "--json"),
        ("inventory", "export", "csv"),
        ("inventory", "export", "prometheus-sd", "--job", "snmp"),
        ("inventory", "debt", "--json"),
        ("inventory", "graph", "--json"),
        *(("inventory", "show", name, "--json") for name in ("operations-jkt", "retention", "operator-1", "jkt-ops1")),
        ("records", "keygen"),
        ("records", "head", "--place", "test"),
        ("records", "approve", HASH, "--person", "approver-1", "--key", str(host.secrets / "restic-password")),
        ("records", "list", "--json"),
        ("records", "export"),
        ("records", "verify"),
        ("backup", "list", "--app", "naskah_dinas_elektronik"),
        ("backup", "run", "--app", "naskah_dinas_elektronik", "--yes"),
    ]
    for arguments in calls:
        done = host.run("-vv", *arguments, DCOPS_DEBUG="1", PGPASSWORD=CANARY)
        assert CANARY not in done.stdout + done.stderr, arguments
    script = [str(ROOT / "inventory" / "lab" / "hosts"), "--list"]
    listed = subprocess.run(script, capture_output=True, text=True, env={**os.environ, "DCOPS_STATE": str(host.state)})
    assert '"jkt-db1"' in listed.stdout
    assert CANARY not in listed.stdout + listed.stderr
    kept = b"".join(path.read_bytes() for path in host.state.rglob("*") if path.is_file())
    assert b"journal.opened" in kept
    assert CANARY.encode() not in kept

"""A disaster declared by two people's SSH signatures, with the real ssh-keygen and a real journal."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from dcops.cli.main import run as dcops
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.core.words import Text
from dcops.drills.context import inside
from dcops.drills.model import Finding
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.runs.run import Run, start_run
from dcops.wiring.drill_declaration import SignedDeclarations, declarations_of, names_in, require_operator
from dcops.wiring.drills import Drills, journal_of, open_drills
from dcops.wiring.records import RECORDS_URL
from dr_drills.actions.declare import SIGNED, SignedDeclaration

ROOT = Path(__file__).parents[3]
TEXT = Text(id="jkt hilang", en="jkt is lost")


@pytest.fixture
def drills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drills:
    """The recovery site's operations server, with a key for each role of the lab."""
    monkeypatch.delenv(RECORDS_URL, raising=False)
    key, path, secrets = SigningKey.generate(), tmp_path / "identity.json", tmp_path / "secrets"
    identity = issue_identity(
        key, environment="twin", site="drc", inventory="lab", node="drc-ops1", machine_id=read_machine_id(),
        at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    save_identity(path, identity, key.public)
    secrets.mkdir(mode=0o700)
    for name in ("operator-1", "approver-1", "approver-2"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(secrets / name)]
        subprocess.run(argv, check=True)
    for name, value in (("HOME", ROOT), ("STATE", tmp_path / "state"), ("SECRETS", secrets), ("IDENTITY", path)):
        monkeypatch.setenv(f"DCOPS_{name}", str(value))
    return open_drills(Settings(ROOT, tmp_path / "state", secrets, path), "lab")


@pytest.fixture
def run(drills: Drills) -> Any:
    with start_run(drills.settings.state, "drill run", environment="twin", inventory="lab", actor="ani/root@x") as run:
        yield run


def declarations(drills: Drills, run: Run, operator: str = "operator-1", scenario: str = "x") -> SignedDeclarations:
    setting = replace(drills.setting(drills.load("naskah-db-loss"), 7), spec_sha256=scenario * 64)
    return declarations_of(
        drills.settings, drills.inventory, journal_of(drills), run, run.run_id, setting, lambda _: None, operator
    )


def ask(made: SignedDeclarations, timeout: float = 0.0) -> Finding:
    class Token:
        def wait(self, seconds: float) -> None: ...
        def raise_if_cancelled(self) -> None: ...

    context = cast(Any, type("C", (), {"declarations": made, "token": Token()})())
    with inside("declared"):
        return cast(Finding, SIGNED.run(context, SignedDeclaration(text=TEXT, timeout=timeout)))


def sign(drills: Drills, run: Run, person: str, key: str = "") -> int:
    return dcops(
        ["drill", "declare", run.run_id, "--person", person, "--key", str(drills.settings.secrets / (key or person))]
    )


def test_two_signatures_declare_it_and_one_does_not(
    drills: Drills, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    made = declarations(drills, run)
    before = ask(made)
    assert (before.is_ok, before.reason, before.detail) == (
        False, "unsigned", "0 of 2 people signed within 0.00 s"
    )  # fmt: skip
    assert sign(drills, run, "approver-1") == 0
    assert sign(drills, run, "approver-1") == 0
    assert ask(made).detail.startswith("1 of 2 people signed"), "one person twice is one"
    assert sign(drills, run, "approver-2") == 0
    assert "signed by: approver-1, approver-2" in capsys.readouterr().out
    found = ask(made)
    assert (found.is_ok, found.detail) == (True, "declared by approver-1, approver-2: jkt is lost")
    assert found.facts["declaration_sha256"] == made.ask(TEXT, datetime.now(UTC)).subject


def test_the_operator_is_neither_of_them(drills: Drills, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    made = declarations(drills, run, operator="approver-2")
    ask(made)
    assert sign(drills, run, "approver-1") == 0
    assert sign(drills, run, "approver-2") == 2
    assert "approver-2 runs this drill" in capsys.readouterr().err
    subject = made.ask(TEXT, datetime.now(UTC)).subject
    key = str(drills.settings.secrets / "approver-2")
    assert dcops(["records", "approve", subject, "--person", "approver-2", "--key", key]) == 0
    assert ask(made).detail.startswith("1 of 2 people signed")


def test_an_operator_is_no_approver_and_a_wrong_key_signs_nothing(drills: Drills, run: Run) -> None:
    made = declarations(drills, run, operator="")
    ask(made)
    assert sign(drills, run, "approver-1") == 0
    assert sign(drills, run, "operator-1") == 0
    assert sign(drills, run, "approver-2", key="approver-1") == 40
    assert ask(made).detail.startswith("1 of 2 people signed")


def test_two_names_with_one_key_are_one_person(drills: Drills, run: Run) -> None:
    secrets = drills.settings.secrets
    for ending in ("", ".pub"):
        (secrets / f"approver-2{ending}").write_bytes((secrets / f"approver-1{ending}").read_bytes())
    made = declarations(drills, run)
    ask(made)
    assert sign(drills, run, "approver-1") == 0
    assert sign(drills, run, "approver-2") == 0
    assert ask(made).detail.startswith("1 of 2 people signed")
    for ending in ("", ".pub"):
        (secrets / f"operator-1{ending}").write_bytes((secrets / f"approver-1{ending}").read_bytes())
    assert ask(declarations(drills, run)).detail.startswith("0 of 2 people signed")


def test_a_signature_is_for_one_run_and_one_scenario(drills: Drills, run: Run) -> None:
    ask(declarations(drills, run))
    assert sign(drills, run, "approver-1") == 0
    assert sign(drills, run, "approver-2") == 0
    assert ask(declarations(drills, run)).is_ok
    assert not ask(declarations(drills, run, scenario="y")).is_ok
    with start_run(drills.settings.state, "drill run", environment="twin", inventory="lab") as other:
        assert not ask(declarations(drills, other)).is_ok


def test_who_runs_it_must_be_said_when_two_others_must_sign(drills: Drills) -> None:
    drill = drills.load("naskah-db-loss")
    inventory, catalogue = drills.inventory, drills.catalogue
    assert require_operator(drill, catalogue, inventory, None) == ""
    step = drill.spec.declare[0].model_copy(update={"uses": "declare.signed", "parameters": {"text": TEXT}})
    signed = drill.model_copy(update={"spec": drill.spec.model_copy(update={"declare": (step,)})})
    with pytest.raises(UsageError, match="two people other than the operator must declare"):
        require_operator(signed, catalogue, inventory, None)
    with pytest.raises(UsageError, match=r"operator-9.* is nobody in this inventory"):
        require_operator(signed, catalogue, inventory, "operator-9")
    assert require_operator(signed, catalogue, inventory, "operator-1") == "operator-1"


def test_a_run_that_asks_nobody_cannot_be_signed(drills: Drills, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign(drills, run, "approver-1") == 2
    assert "asks for no signature" in capsys.readouterr().err
    assert names_in("ani/root@drc-ops1") == ["ani", "root", "drc-ops1"]

"""What opening a journal decides: its name, its environment, where it lies."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from dcops.core.errors import Refused
from dcops.core.settings import Settings
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.wiring.records import RECORDS_URL, journal_key, open_artifacts, open_journal
from tests.contract.records.writers import note
from tests.integration.records.processes import settings


@pytest.fixture(autouse=True)
def _sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RECORDS_URL, raising=False)


@pytest.fixture
def enrolled(tmp_path: Path) -> Settings:
    key, path = SigningKey.generate(), tmp_path / "etc" / "identity.json"
    identity = issue_identity(
        key, environment="twin", site="jkt", inventory="lab", node="jkt-ops1", machine_id=read_machine_id(),
        at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    save_identity(path, identity, key.public)
    return Settings(tmp_path, tmp_path / "state", tmp_path / "secrets", path)


def test_an_enrolled_host_writes_its_nodes_journal(enrolled: Settings) -> None:
    record = note(open_journal(enrolled, None, "twin"))
    assert record.journal == "jkt-ops1"
    assert record.envelope.environment.value == "twin"


@pytest.mark.parametrize("environment", ["production", "recovery-site", "scratch"])
def test_another_environment_than_the_attested_one_is_refused_and_nothing_is_touched(
    enrolled: Settings, environment: str
) -> None:
    with pytest.raises(Refused, match=f"environment is twin, not {environment}") as caught:
        open_journal(enrolled, None, environment)
    assert caught.value.exit_code == 7
    assert not enrolled.state.exists()


def test_another_inventory_than_the_attested_one_is_refused_and_nothing_is_touched(enrolled: Settings) -> None:
    other = SimpleNamespace(name="other", revision="0" * 64)
    with pytest.raises(Refused, match="inventory is lab, not other"):
        open_journal(enrolled, other, "twin")
    assert not enrolled.state.exists()


@pytest.mark.parametrize("environment", ["production", "recovery-site"])
def test_a_host_that_is_not_enrolled_writes_nothing_that_counts(tmp_path: Path, environment: str) -> None:
    with pytest.raises(Refused, match=f"may count as {environment}"):
        open_journal(settings(tmp_path / "state"), None, environment)
    assert not (tmp_path / "state").exists()


def test_keygen_on_a_host_with_a_foreign_identity_renames_nothing(enrolled: Settings) -> None:
    enrolled.identity_path.write_text("{}")
    with pytest.raises(Refused):
        journal_key(enrolled, "renamed")
    assert not enrolled.state.exists()


def test_a_copied_identity_is_refused(enrolled: Settings) -> None:
    text = enrolled.identity_path.read_text()
    enrolled.identity_path.write_text(text.replace(read_machine_id(), "0" * 32))
    with pytest.raises(Refused, match="not signed"):
        open_journal(enrolled, None, "twin")
    assert not enrolled.state.exists()


def test_an_unenrolled_host_keeps_the_name_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = note(open_journal(settings(tmp_path), None, "scratch")).journal
    (tmp_path / "records" / "writer").write_text("renamed\n")
    assert note(open_journal(settings(tmp_path), None, "scratch")).journal == "renamed"
    assert first != "renamed"


def test_the_name_stays_when_the_machines_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = note(open_journal(settings(tmp_path), None, "scratch")).journal
    machine = os.uname()
    renamed = os.uname_result(("Linux", "another", *machine[2:]))
    monkeypatch.setattr("os.uname", lambda: renamed)
    assert note(open_journal(settings(tmp_path), None, "scratch")).journal == first


def test_opening_touches_nothing_before_the_first_record(tmp_path: Path) -> None:
    open_journal(settings(tmp_path), None, "twin")
    assert not (tmp_path / "records").exists()


def test_artifacts_lie_under_their_hash(tmp_path: Path) -> None:
    digest = open_artifacts(settings(tmp_path)).put("x")
    assert (tmp_path / "artifacts" / digest[:2] / digest).exists()

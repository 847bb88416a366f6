"""A host's identity: signed, tied to one machine, every mismatch refused with exit 7."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcops.core.errors import Refused
from dcops.core.exitcodes import ExitCode
from dcops.records.sign import SigningKey
from dcops.runs.identity import (
    Identity,
    issue_identity,
    issuer_path,
    load_identity,
    read_machine_id,
    require_identity,
    save_identity,
    verify,
)

MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def identity(key: SigningKey) -> Identity:
    at = datetime(2026, 11, 24, 4, tzinfo=UTC)
    return issue_identity(
        key, environment="twin", site="jkt", inventory="lab", node="jkt-ops1", machine_id=MACHINE, at=at
    )


@pytest.fixture
def path(tmp_path: Path, identity: Identity, key: SigningKey) -> Path:
    file = tmp_path / "etc" / "identity.json"
    save_identity(file, identity, key.public)
    return file


def test_what_was_saved_is_read_back_and_verifies(path: Path, identity: Identity, key: SigningKey) -> None:
    assert load_identity(path) == identity
    verify(identity, key.public, MACHINE)


def test_a_host_that_is_what_it_should_be_passes(path: Path) -> None:
    found = require_identity(path, environment="twin", inventory="lab", site="jkt", node="jkt-ops1", machine_id=MACHINE)
    assert found.node == "jkt-ops1"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"environment": "production"}, "environment is twin, not production"),
        ({"inventory": "production"}, "inventory is lab, not production"),
        ({"site": "drc"}, "site is jkt, not drc"),
        ({"node": "drc-ops1"}, "node is jkt-ops1, not drc-ops1"),
        ({"machine_id": "f" * 32}, "issued for another machine"),
    ],
)
def test_each_mismatch_refuses(path: Path, wanted: dict[str, str], message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        require_identity(path, **{"machine_id": MACHINE, **wanted})  # type: ignore[arg-type]
    assert caught.value.exit_code == ExitCode.REFUSED == 7


def test_all_mismatches_are_told_at_once(path: Path) -> None:
    with pytest.raises(Refused) as caught:
        require_identity(path, environment="production", site="drc", machine_id=MACHINE)
    assert "environment is" in str(caught.value)
    assert "site is" in str(caught.value)


@pytest.mark.parametrize("field", ["environment", "site", "inventory", "node", "issued_at"])
def test_a_changed_field_breaks_the_signature(path: Path, field: str) -> None:
    data = json.loads(path.read_text())
    data[field] = "production" if field == "environment" else data[field] + "x"
    path.write_text(json.dumps(data))
    with pytest.raises(Refused, match="not signed by the enrolling key"):
        require_identity(path, machine_id=MACHINE)


def test_another_issuers_signature_refuses(path: Path, identity: Identity) -> None:
    with pytest.raises(Refused, match="not signed"):
        require_identity(path, public_key=SigningKey.generate().public, machine_id=MACHINE)


def test_an_unenrolled_host_refuses(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not enrolled"):
        require_identity(tmp_path / "identity.json", environment="twin")


@pytest.mark.parametrize("content", [None, "", "no key"])
def test_a_missing_or_broken_issuer_key_refuses(path: Path, content: str | None) -> None:
    issuer_path(path).unlink() if content is None else issuer_path(path).write_text(content)
    with pytest.raises(Refused, match="enrolling key is missing"):
        require_identity(path, machine_id=MACHINE)


def test_a_machine_id_that_is_no_text_refuses(tmp_path: Path) -> None:
    (tmp_path / "machine-id").write_bytes(b"\xff")
    with pytest.raises(Refused, match="no machine-id"):
        read_machine_id(tmp_path / "machine-id")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"node": 3}'])
def test_a_malformed_identity_refuses(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(Refused, match="cannot be read"):
        require_identity(path, machine_id=MACHINE)

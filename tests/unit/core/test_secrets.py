import pickle
from pathlib import Path

import pytest

from dcops.core.errors import DcopsError, UsageError
from dcops.core.secrets import Secret, SecretStore, mask
from dcops.core.settings import Settings

CANARY = "kenari-0451"


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    path = tmp_path / "db"
    path.write_text(CANARY + "\n")
    path.chmod(0o600)
    return SecretStore(Settings(tmp_path, tmp_path, tmp_path), {"PW": CANARY})


def test_a_secret_shows_only_where_it_came_from(store: SecretStore) -> None:
    secret = store.get("file:db")
    assert secret.reveal() == CANARY
    assert CANARY not in f"{secret} {secret!r} {secret:>40} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_environment_secret(store: SecretStore) -> None:
    assert store.get("env:PW").reveal() == CANARY
    with pytest.raises(DcopsError, match="env:NOT: the environment variable is not set"):
        store.get("env:NOT")


def test_a_secret_everybody_can_read_is_refused(store: SecretStore, tmp_path: Path) -> None:
    (tmp_path / "db").chmod(0o644)
    with pytest.raises(DcopsError, match="readable by everybody"):
        store.get("file:db")


@pytest.mark.parametrize("ref", ["file:../db", "file:/etc/hostname", "file:", "ftp:x", "db"])
def test_a_reference_that_leaves_the_folder_or_has_no_known_form_is_refused(store: SecretStore, ref: str) -> None:
    with pytest.raises(UsageError):
        store.get(ref)


def test_a_missing_secret_names_its_reference(store: SecretStore) -> None:
    with pytest.raises(DcopsError, match=r"file:none.*No such file"):
        store.get("file:none")


def test_a_systemd_credential_stays_in_its_folder(store: SecretStore, tmp_path: Path) -> None:
    credentials = SecretStore(Settings(tmp_path, tmp_path, tmp_path), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert credentials.get("credential:db").reveal() == CANARY
    with pytest.raises(UsageError, match="leaves the secrets folder"):
        credentials.get(f"credential:{tmp_path}/db")
    with pytest.raises(DcopsError, match="no systemd credentials here"):
        store.get("credential:db")


def test_a_secret_that_is_no_text_is_not_quoted(store: SecretStore, tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(CANARY.encode() + b"\xff")
    with pytest.raises(DcopsError, match="not UTF-8") as caught:
        store.get("file:db")
    assert CANARY not in str(caught.value)


def test_mask_replaces_longer_secrets_first() -> None:
    assert mask("abcd abcdef", ["abcd", "abcdef", "a"]) == "*** ***"


def test_equality_does_not_leak() -> None:
    assert Secret(CANARY, "file:a") != CANARY

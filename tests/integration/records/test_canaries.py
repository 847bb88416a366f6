"""Secrets never reach a journal, a run's folder, an artifact or an error: canaries are planted and looked for."""

import json
from pathlib import Path

import pytest

from dcops.core.errors import CommandError, DcopsError
from dcops.core.process import run as run_program
from dcops.core.secrets import SecretStore
from dcops.core.settings import Settings
from dcops.runs.run import start_run
from dcops.wiring.records import open_journal

CANARY = "canary-4c1f9e"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "restic-password").write_text(CANARY)
    (secrets / "restic-password").chmod(0o600)
    return Settings(tmp_path, tmp_path / "state", secrets, tmp_path / "no-identity")


def everything_written(state: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in state.rglob("*") if path.is_file())


def test_a_canary_in_every_place_a_secret_could_slip_in(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = SecretStore(settings).get("file:restic-password")
    assert secret.reveal() == CANARY
    journal = open_journal(settings, None, "twin", journal="jkt-ops1")
    attempts = [
        {"subject": secret, "aspect": "a"},
        {"subject": "s", "aspect": "a", "facts": {"deep": [{"er": secret}]}},
        {"subject": "s", "aspect": "a", "details": {"password": secret}},
        {"subject": "s", "aspect": "a", "pasword": CANARY},  # an unknown field's value is not repeated
        {"subject": 5, "aspect": {"x": CANARY}},
    ]
    for payload in attempts:
        with pytest.raises(DcopsError) as caught:
            journal.append("observation", payload)
        assert CANARY not in str(caught.value)
    # By repr, str and format a secret names only its reference: that much may be written.
    journal.append("observation", {"subject": f"{secret}", "aspect": str(secret), "facts": {"repr": repr(secret)}})

    def act() -> None:
        with start_run(settings.state, "v", environment="twin", inventory="lab", journal=journal) as run:
            run.event("begun", reference=str(secret))
            raise RuntimeError(f"connect with {CANARY} failed")

    with pytest.raises(RuntimeError):
        act()
    with (
        pytest.raises(CommandError),
        start_run(settings.state, "v", environment="twin", inventory="lab", journal=journal),
    ):
        run_program(["sh", "-c", f"echo {CANARY} >&2; exit 3"], secrets=[secret.reveal()])
    assert journal.last("run.finished") is not None
    found = everything_written(settings.state)
    assert b"file:restic-password" in found
    assert CANARY.encode() not in found
    output = capsys.readouterr()
    assert CANARY not in output.out + output.err


def test_a_spooled_record_holds_no_secret_either(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCOPS_RECORDS_URL", f"postgresql://nobody@/none?host={settings.state}")
    secret = SecretStore(settings).get("file:restic-password")
    journal = open_journal(settings, None, "twin", journal="jkt-ops1")
    with pytest.raises(DcopsError, match="secret may not be written"):
        journal.append("observation", {"subject": "s", "aspect": "a", "facts": {"x": secret}})
    assert journal.append("observation", {"subject": str(secret), "aspect": "a"}).is_spooled
    assert CANARY.encode() not in everything_written(settings.state)


def test_the_signing_key_is_in_its_file_alone(settings: Settings) -> None:
    journal = open_journal(settings, None, "twin", journal="jkt-ops1")
    journal.append("observation", {"subject": "s", "aspect": "a"})
    key = settings.state / "records" / "keys" / "jkt-ops1.pem"
    body = "".join(key.read_text().splitlines()[1:-1])
    others = [path for path in settings.state.rglob("*") if path.is_file() and path != key]
    assert all(body.encode() not in path.read_bytes() for path in others)
    assert "d" not in json.loads((settings.state / "records" / "keys.json").read_text())["keys"][0]

"""`dcops backup unlock`: only by name, and never below the age restic itself goes by."""

import pytest

from dcops.cli.main import run


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "say --stale"), (["--stale", "--older-than", "10m"], "--older-than is at least 32 min 00 s")],
)
def test_usage(words: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["backup", "unlock", "-i", "lab", *words]) == 2
    assert message in capfd.readouterr().err

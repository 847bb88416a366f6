"""Two drills at once: the second is refused before it asks anything, whoever began the first; a table holds up none."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcops.cli.main import run as dcops
from dcops.core.settings import Settings
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.runs.run import list_runs
from dcops.wiring.drills import Drills, journal_of, open_drills, running
from dcops.wiring.records import RECORDS_URL

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from pathlib import Path
from dcops.runs.locks import hold
with hold(Path(sys.argv[1]), "drill", actor="other@drc-ops1", verb="drill run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def drills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drills:
    """The recovery site's operations server."""
    monkeypatch.delenv(RECORDS_URL, raising=False)
    key, path, secrets = SigningKey.generate(), tmp_path / "identity.json", tmp_path / "secrets"
    identity = issue_identity(
        key, environment="twin", site="drc", inventory="lab", node="drc-ops1", machine_id=read_machine_id(),
        at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    save_identity(path, identity, key.public)
    for name, value in (("HOME", ROOT), ("STATE", tmp_path / "state"), ("SECRETS", secrets), ("IDENTITY", path)):
        monkeypatch.setenv(f"DCOPS_{name}", str(value))
    return open_drills(Settings(ROOT, tmp_path / "state", secrets, path), "lab")


def test_a_second_drill_is_refused_and_begins_nothing(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    state = drills.settings.state
    (state / "locks").mkdir(parents=True)
    argv = [sys.executable, "-c", HOLDER, str(state / "locks")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        for verb in (["run", "naskah-restore", "--yes"], ["run", "site-loss", "--yes"], ["plan", "naskah-db-loss"]):
            assert dcops(["drill", *verb]) == 11, verb
            assert "lock drill: held by other@drc-ops1 (pid" in capsys.readouterr().err
        assert list(list_runs(state)) == []
        table = drills.load("pdn-ransomware-tabletop")
        with running(drills, table, "drill run", journal_of(drills)) as run:
            assert run.run_id
            assert dcops(["drill", "run", table.name, "--yes"]) == 11, "two tables at once are refused as well"
        other.kill()
    with running(drills, drills.load("naskah-restore"), "drill run", journal_of(drills)) as run:
        assert run.run_id, "the lock of a drill that died is free"

"""What a drill gets on its operations server, before anything is connected."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcops.cli import drill as drill_cli
from dcops.cli import drill_later
from dcops.cli.common import Out
from dcops.cli.main import run as dcops
from dcops.core.clock import rfc3339
from dcops.core.errors import Refused
from dcops.core.settings import Settings
from dcops.core.words import BlastClass, Environment
from dcops.drills.engine import now
from dcops.drills.model import Drill, MarkName
from dcops.records.kinds.drills import DrillResult
from dcops.records.sign import SigningKey
from dcops.runs.cancel import CancelToken
from dcops.runs.identity import issue_identity, read_machine_id, save_identity
from dcops.runs.run import list_runs, start_run
from dcops.wiring import drills as wiring
from dcops.wiring.bridges import NetworkRoutes
from dcops.wiring.enrolled_writers import EnrolledWriters
from dcops.wiring.network import require_writer
from dcops.wiring.records import RECORDS_URL

ROOT = Path(__file__).parents[3]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[wiring.Drills, Drill]:
    """The drills of the recovery site's operations server; its state is a folder of the test."""
    monkeypatch.delenv(RECORDS_URL, raising=False)
    key, path = SigningKey.generate(), tmp_path / "identity.json"
    identity = issue_identity(
        key, environment="twin", site="drc", inventory="lab", node="drc-ops1", machine_id=read_machine_id(),
        at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    save_identity(path, identity, key.public)
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    for name in ("restic-password", "restic-http-drc", "naskah-db-password", "ca.crt", "pdn-ca.crt"):
        (secrets / name).write_text("x")
        (secrets / name).chmod(0o600)
    drills = wiring.open_drills(Settings(ROOT, tmp_path / "state", secrets, path), "lab")
    return drills, drills.load("naskah-db-loss")


def test_a_drills_service_moves_go_to_enrolled_routers_only(opened: tuple[wiring.Drills, Drill]) -> None:
    drills, drill = opened
    journal = wiring.journal_of(drills)
    with wiring.running(drills, drill, "drill run", journal) as run:
        made = wiring.prepare(drills, drills.setting(drill, 7), run, lambda _: None, CancelToken(), journal=journal)
    routes = made.context.routes
    assert isinstance(routes, NetworkRoutes)
    assert isinstance(require_writer(routes._tools), EnrolledWriters)


def test_a_drill_that_fails_leaves_its_exit_code_in_its_run(
    opened: tuple[wiring.Drills, Drill], monkeypatch: pytest.MonkeyPatch
) -> None:
    drills, drill = opened
    result = DrillResult(
        drill=drill.name, drill_version=1, spec_sha256="0" * 64, app="a", environment="twin", is_rehearsal=True,
        verdict="FAIL", exit_code=20, seed=7, rollback="complete", duration_seconds=1.0,
    )  # fmt: skip

    class Made:
        service = property(lambda self: self)

        def run(self) -> DrillResult:
            return result

    monkeypatch.setattr(wiring, "prepare", lambda *_, **__: Made())
    drill_cli._execute(Out(), drills, drill, 7, wiring.journal_of(drills))
    (file,) = list_runs(drills.settings.state)
    assert (file.exit_code, file.result["verdict"]) == (20, "FAIL")


def test_abort_stops_no_run_of_another_verb(
    opened: tuple[wiring.Drills, Drill], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    drills, _ = opened
    settings = drills.settings
    monkeypatch.setenv("DCOPS_STATE", str(settings.state))
    monkeypatch.setenv("DCOPS_IDENTITY", str(settings.identity_path))
    with start_run(settings.state, "backup run", environment="twin", inventory="lab") as run:
        assert dcops(("drill", "abort", run.run_id)) == 2  # a TERM would have ended this very process
    assert "is no drill but backup run" in capfd.readouterr().err


def test_a_run_of_an_earlier_boot_is_taken_over_by_the_wall_clock(
    opened: tuple[wiring.Drills, Drill], monkeypatch: pytest.MonkeyPatch
) -> None:
    drills, drill = opened
    journal = wiring.journal_of(drills)
    began = now()
    with suppress(ValueError), wiring.running(drills, drill, "drill run", journal) as run:
        run.event("drill.started", drill=drill.name, spec_sha256="0" * 64, seed=7)
        run.event("mark", mark="t_fault", at_utc=rfc3339(began.utc), monotonic=began.monotonic + 1e9)
        raise ValueError("died")
    _, same = drill_later._progress(drills, run.run_id, journal)
    assert same.marks[MarkName.FAULT].monotonic > 1e9
    monkeypatch.setattr("dcops.runs.run.boot_id", lambda: "another")
    _, other = drill_later._progress(drills, run.run_id, journal)
    assert other.marks[MarkName.FAULT].monotonic == pytest.approx(began.monotonic, abs=0.1)


@pytest.mark.parametrize("environment", ["production", "recovery-site"])
def test_what_disrupts_is_refused_outside_a_rehearsal_and_nothing_is_begun(
    opened: tuple[wiring.Drills, Drill], environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drills, drill = opened
    here = wiring.require_enrolled(drills.settings, drills.inventory)
    attested = here.model_copy(update={"environment": Environment(environment)})
    monkeypatch.setattr(wiring, "require_enrolled", lambda *_: attested)
    spec = drill.spec.model_copy(update={"environments": (Environment(environment),)})
    with pytest.raises(Refused, match=r"kill-database \(lab\.stop_node: disrupt\)"):
        wiring.require_place(drills, drill.model_copy(update={"spec": spec}))
    assert list(list_runs(drills.settings.state)) == []


def test_the_plan_of_a_drill_is_of_its_scenario_and_of_its_place(
    opened: tuple[wiring.Drills, Drill], monkeypatch: pytest.MonkeyPatch
) -> None:
    drills, drill = opened
    made = wiring.plan_of(drills, drill)
    assert wiring.plan_of(drills, drill).plan_id == made.plan_id
    assert made.environment is Environment.TWIN
    assert ("inject kill-database", BlastClass.DISRUPT) in [(step.name, step.blast) for step in made.steps]
    monkeypatch.setattr(wiring.Drills, "sha256", lambda *_: "0" * 64)
    assert wiring.plan_of(drills, drill).plan_id != made.plan_id


def test_a_drill_named_by_another_plan_is_refused_and_touches_nothing(
    opened: tuple[wiring.Drills, Drill], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drills, drill = opened
    settings = drills.settings
    for name, value in (("STATE", settings.state), ("SECRETS", settings.secrets), ("IDENTITY", settings.identity_path)):
        monkeypatch.setenv(f"DCOPS_{name}", str(value))
    monkeypatch.setenv("DCOPS_HOME", str(ROOT))
    assert dcops(["drill", "run", drill.name, "--yes", "--plan-id", "f" * 12]) == 7
    assert "not the one named" in capsys.readouterr().err
    assert list(list_runs(settings.state)) == []


def test_a_rehearsal_leaves_the_application_due(
    opened: tuple[wiring.Drills, Drill], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drills, drill = opened
    result = DrillResult(
        drill=drill.name, drill_version=1, spec_sha256="0" * 64, app=drill.spec.scope.app, environment="twin",
        is_rehearsal=True, verdict="PASS", exit_code=0, drill_type="component", executed=True,
    )  # fmt: skip
    wiring.journal_of(drills).append(result.kind, result.model_dump(mode="json"))
    settings = drills.settings
    for name, value in (("STATE", settings.state), ("IDENTITY", settings.identity_path), ("HOME", ROOT)):
        monkeypatch.setenv(f"DCOPS_{name}", str(value))
    assert dcops(["drill", "due", "--json"]) == 14
    (found,) = json.loads(capsys.readouterr().out)["applications"]
    assert (found["application"], found["status"], found["last"]) == (drill.spec.scope.app, "fail", None)
    assert found["reason"] == "never drilled where it counts; only rehearsed"
    assert dcops(["drill", "due"]) == 14
    assert "only rehearsed" in capsys.readouterr().out


def test_two_runs_stand_side_by_side(
    opened: tuple[wiring.Drills, Drill], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drills, drill = opened
    journal, runs = wiring.journal_of(drills), ("01M8AAAAAAAAAAAAAAAAAAAAAA", "01M8BBBBBBBBBBBBBBBBBBBBBB")
    for run, seconds in zip(runs, (14.5, 20.0), strict=True):
        result = DrillResult(
            drill=drill.name, drill_version=1, spec_sha256="0" * 64, environment="twin", is_rehearsal=True,
            verdict="PASS", exit_code=0, rto_verified_seconds=seconds,
        )  # fmt: skip
        journal.append(result.kind, result.model_dump(mode="json"), run=run)
    settings = drills.settings
    for name, value in (("STATE", settings.state), ("IDENTITY", settings.identity_path), ("HOME", ROOT)):
        monkeypatch.setenv(f"DCOPS_{name}", str(value))
    assert dcops(["drill", "compare", "AAAA", "BBBB"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "rto_verified_seconds" in line)
    assert line.split() == ["figure", "rto_verified_seconds", "14.5", "20.0", "+5.5"]
    assert dcops(["drill", "compare", "AAAA", "CCCC"]) == 2
    assert "0 results belong to such a run" in capsys.readouterr().err

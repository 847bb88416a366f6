"""Watching a run: every event once, until the run has ended, and nothing of the run is touched."""

import json
from pathlib import Path

import pytest

from dcops.cli.drill_watch import follow, line_of
from dcops.cli.main import run as dcops
from dcops.core.errors import UsageError
from dcops.runs.events import Event
from dcops.runs.run import start_run

STEP = {"phase": "recover", "id": "load", "uses": "database.restore"}


def ended(**more: object) -> dict[str, object]:
    return {**STEP, "state": "ok", "detail": "loaded", "started_monotonic": 10.0, "monotonic": 12.5, **more}


def test_events_come_once_each_while_the_run_lives_and_it_ends_with_the_run(tmp_path: Path) -> None:
    with start_run(tmp_path, "drill run", environment="twin", inventory="lab") as run:
        watched = follow(tmp_path, run.run_id[-8:], pause=lambda _: run.event("step.ended", **ended()) and None)
        run.event("step.started", **STEP)
        assert [next(watched).name for _ in range(3)] == ["run.started", "step.started", "step.ended"]
    rest = [event.name for event in watched]
    assert rest[-1] == "run.finished"
    assert "step.started" not in rest


def test_a_run_that_is_no_drill_is_refused(tmp_path: Path) -> None:
    with start_run(tmp_path, "backup run", environment="twin", inventory="lab") as run:
        pass
    with pytest.raises(UsageError, match="is no drill but backup run"):
        list(follow(tmp_path, run.run_id))


@pytest.mark.parametrize(
    ("name", "fields", "line"),
    [
        ("step.started", STEP, "12:00:00  recover  load: database.restore"),
        ("step.ended", ended(), "12:00:00  recover  load: ok (2.50 s)  loaded"),
        ("step.ended", ended(monotonic=None, detail=""), "12:00:00  recover  load: ok"),
        ("mark", {"mark": "t_data", "at_utc": "2026-11-24T12:00:00Z"}, "12:00:00  t_data  2026-11-24T12:00:00Z"),
        (
            "drill.ended",
            {"verdict": "FAIL", "reasons": ["a", "b"], "rollback": "complete"},
            "12:00:00  FAIL  a; b  rollback: complete",
        ),
        ("run.started", {"verb": "drill run"}, "12:00:00  run.started"),
    ],
)
def test_each_event_is_one_line(name: str, fields: dict[str, object], line: str) -> None:
    assert line_of(Event("2026-11-24T12:00:00.000000Z", name, fields)) == line


def test_with_json_each_line_is_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path))
    with start_run(tmp_path, "drill run", environment="twin", inventory="lab") as run:
        run.event("step.started", **STEP)
    assert dcops(("drill", "watch", run.run_id, "--inventory", "lab", "--json")) == 0
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [each["event"] for each in found] == ["run.started", "step.started", "run.finished"]
    assert found[1]["id"] == "load"

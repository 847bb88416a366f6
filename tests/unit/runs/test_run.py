"""A run on disk: started, ended whichever way, readable after a torn line."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from dcops.core.errors import DcopsError, Interrupted, Refused, UsageError
from dcops.runs.model import RunStatus
from dcops.runs.run import Run, list_runs, load_run, run_events, start_run


class Sink:
    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, Any], str | None]] = []

    def append(self, kind: str, payload: Any, *, run: Any = None, actor: Any = None, change: Any = None) -> object:
        self.records.append((kind, dict(payload), run))
        return None


def begin(state: Path, **more: Any) -> Any:
    return start_run(state, "backup run", environment="twin", inventory="lab", actor="operator-1", **more)


def test_a_finished_run_can_be_read_by_a_unique_ending(tmp_path: Path) -> None:
    with begin(tmp_path, arguments={"app": "naskah"}) as run:
        run.event("dump.started", bytes=12)
        run.finish({"snapshot": "ab12"})
    found = load_run(tmp_path, run.run_id[-6:].lower())
    assert found.status is RunStatus.FINISHED
    assert (found.exit_code, found.result, found.arguments) == (0, {"snapshot": "ab12"}, {"app": "naskah"})
    assert [event.name for event in run_events(tmp_path, run.run_id)] == ["run.started", "dump.started", "run.finished"]


def test_an_act_that_ends_by_itself_with_bad_news_ends_with_its_own_code(tmp_path: Path) -> None:
    sink = Sink()
    with begin(tmp_path, journal=sink) as run:
        run.finish({"verdict": "FAIL"}, exit_code=20)
    found = load_run(tmp_path, run.run_id)
    assert (found.status, found.exit_code) == (RunStatus.FINISHED, 20)
    assert sink.records[-1][1]["exit_code"] == 20


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refused("no", where="gate"), RunStatus.REFUSED, 7),
        (Interrupted("TERM"), RunStatus.INTERRUPTED, 130),
        (KeyboardInterrupt(), RunStatus.INTERRUPTED, 130),
        (DcopsError("broken"), RunStatus.FAILED, 1),
        (ValueError("a canary"), RunStatus.FAILED, 1),
        (SystemExit(5), RunStatus.FAILED, 5),
        (SystemExit(0), RunStatus.FINISHED, 0),
        (typer.Exit(4), RunStatus.FAILED, 4),
        (typer.Exit(0), RunStatus.FINISHED, 0),
    ],
)
def test_every_way_out_leaves_its_end(tmp_path: Path, error: BaseException, status: RunStatus, code: int) -> None:
    with pytest.raises(type(error)), begin(tmp_path) as run:
        raise error
    found = load_run(tmp_path, run.run_id)
    assert (found.status, found.exit_code) == (status, code)
    assert "canary" not in found.message


def test_a_run_is_running_until_its_end_and_killed_when_its_process_is_gone(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        assert load_run(tmp_path, run.run_id).status is RunStatus.RUNNING
        path = run.folder / "run.json"
        data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "started_ticks": data["started_ticks"] - 1}))
    assert load_run(tmp_path, run.run_id).status is RunStatus.KILLED


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        run.event("one")
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"at":"2026')
    assert [event.name for event in run_events(tmp_path, run.run_id)][-1] == "run.finished"


def test_an_event_may_have_a_field_called_name_but_not_the_logs_own(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        assert run.event("step", name="x").fields == {"name": "x"}
        with pytest.raises(DcopsError, match="the field at is the log's own"):
            run.event("step", at="now")


def test_records_are_written_with_the_runs_id(tmp_path: Path) -> None:
    sink = Sink()
    with begin(tmp_path, journal=sink) as run:
        run.record("backup.receipt", {"snapshot": "ab"})
    with pytest.raises(Refused), begin(tmp_path, journal=sink):
        raise Refused("not here")
    assert [kind for kind, _, _ in sink.records] == [
        "run.started", "backup.receipt", "run.finished", "run.started", "run.refused",
    ]  # fmt: skip
    assert {run_id for _, _, run_id in sink.records[:3]} == {run.run_id}


def test_secrets_are_refused_in_events_and_results(tmp_path: Path) -> None:
    from dcops.core.secrets import Secret

    with begin(tmp_path) as run:
        for act in (
            lambda r: r.event("e", x=[Secret("canary", "file:x")]),
            lambda r: r.finish({"p": Secret("canary", "x")}),
        ):
            with pytest.raises(DcopsError, match="secret may not be written"):
                act(run)
    assert not any(b"canary" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_runs_are_listed_newest_first_and_an_ambiguous_id_is_refused(tmp_path: Path) -> None:
    runs: list[Run] = []
    for number in range(3):
        with begin(tmp_path, run_id=f"0{number}ARZ3NDEKTSV4RRFFQ69G5FAV") as run:
            runs.append(run)
    assert [file.run for file in list_runs(tmp_path)] == [run.run_id for run in reversed(runs)]
    with pytest.raises(UsageError, match="3 runs end so"):
        load_run(tmp_path, "FAV")
    with pytest.raises(UsageError, match="no run ends so"):
        load_run(tmp_path, "../x")

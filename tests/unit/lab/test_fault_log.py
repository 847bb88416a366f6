"""Every fault that is asked for becomes a line and a record, and neither can stop its answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from dcops.lab.forward import Forwarder
from dcops.lab.model import Topology, Twin
from dcops.lab.overlay import Folders
from dcops.lab.supervisor import FAULT_VERBS, Supervisor
from dcops.lab.switchboard import Switchboard
from dcops.records.kinds import validate_payload

RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class Journal:
    """Remembers records, as they would be taken."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.problem: Exception | None = None

    def open(self) -> "Journal":
        if self.problem:
            raise self.problem
        return self

    def append(self, kind: str, payload: Any, *, run: Any = None, actor: Any = None, change: Any = None) -> object:
        validate_payload(kind, payload)
        self.records.append({"kind": kind, "run": run, "actor": actor, **payload})
        return None


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def supervisor(
    tmp_path: Path, topology: Topology, twin: Twin, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> Supervisor:
    """One whose hands and pages do nothing: the machine has no such twin."""
    for verb in FAULT_VERBS:
        monkeypatch.setattr(Switchboard, verb, lambda *_, **__: None)
    monkeypatch.setattr(Forwarder, "ensure", lambda *_: None)
    folders = Folders(tmp_path)
    folders.run.mkdir()
    folders.topology.write_text(topology.model_dump_json())
    return Supervisor(twin, folders, tmp_path, journal.open)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "faults.jsonl").read_text().splitlines()]


def test_a_fault_of_the_hosts_verb_is_a_record_of_who_asked(
    supervisor: Supervisor, journal: Journal, tmp_path: Path
) -> None:
    request = {"verb": "shape", "target": "w1", "rate": "512k", "loss": 0.05, "delay": None, "actor": "ann/root@here"}
    assert supervisor.answer(request, by="host", allowed=None)["ok"]
    assert journal.records == [
        {
            "kind": "lab.fault", "run": None, "actor": "ann/root@here", "twin": "lab", "verb": "shape", "target": "w1",
            "arguments": {"rate": "512k", "loss": 0.05}, "is_ok": True, "error": "", "details": {},
        }
    ]  # fmt: skip
    assert [(line["by"], line["verb"], line["ok"]) for line in lines(tmp_path)] == [("host", "shape", True)]


@pytest.mark.parametrize("verb", sorted(FAULT_VERBS))
def test_a_node_is_named_by_its_processes_and_not_by_what_it_says(
    supervisor: Supervisor, journal: Journal, verb: str
) -> None:
    request = {"verb": verb, "target": "w1", "run": RUN, "actor": "somebody@else", "for": "up"}
    assert supervisor.answer(request, by="jkt-ops1", allowed=FAULT_VERBS)["ok"]
    found = [(r["actor"], r["run"], r["verb"]) for r in journal.records]
    assert found == [("root@jkt-ops1", RUN, verb)]


@pytest.mark.parametrize("request_", [{"verb": "leave"}, {"verb": ["x"], "target": {"a": 1}, "run": 7}, {}])
def test_what_is_refused_is_a_record_too(supervisor: Supervisor, journal: Journal, request_: dict[str, Any]) -> None:
    assert not supervisor.answer(request_, by="jkt-ops1", allowed=FAULT_VERBS)["ok"]
    assert [(r["is_ok"], r["run"]) for r in journal.records] == [(False, None)]
    assert "is no verb here" in journal.records[0]["error"]


def test_several_nodes_are_one_record(supervisor: Supervisor, journal: Journal) -> None:
    request = {"verb": "stop", "targets": ["jkt-rtr1", "jkt-svc1"], "run": RUN}
    assert supervisor.answer(request, by="drc-ops1", allowed=FAULT_VERBS)["ok"]
    assert [(r["verb"], r["target"], r["is_ok"]) for r in journal.records] == [("stop", "jkt-rtr1 jkt-svc1", True)]


@pytest.mark.parametrize("about", [{"target": "drc-ops1"}, {"targets": ["jkt-rtr1", "drc-ops1"]}])
def test_the_node_that_asks_is_not_switched_off(
    supervisor: Supervisor, journal: Journal, about: dict[str, Any]
) -> None:
    answer = supervisor.answer({"verb": "stop", **about}, by="drc-ops1", allowed=FAULT_VERBS)
    assert (answer["ok"], answer["exit_code"]) == (False, 7)
    assert "its own power" in journal.records[0]["error"]
    assert supervisor.answer({"verb": "stop", **about}, by="host", allowed=None)["ok"]


@pytest.mark.parametrize("names", ["jkt-rtr1", [], [1]])
def test_what_is_no_list_of_nodes_is_usage(supervisor: Supervisor, names: object) -> None:
    answer = supervisor.answer({"verb": "stop", "targets": names}, by="drc-ops1", allowed=FAULT_VERBS)
    assert (answer["ok"], answer["exit_code"]) == (False, 2)


def test_bringing_the_twin_up_is_no_fault(supervisor: Supervisor, journal: Journal, tmp_path: Path) -> None:
    supervisor.answer({"verb": "start", "target": "jkt-ops1", "for": "up"}, by="host", allowed=None)
    supervisor.answer({"verb": "ping"}, by="host", allowed=None)
    assert journal.records == []
    assert [line["verb"] for line in lines(tmp_path)] == ["start"]


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), ValueError("broken")])
def test_what_cannot_be_written_stops_no_fault(
    supervisor: Supervisor, journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: Exception
) -> None:
    journal.problem = problem
    (tmp_path / "faults.jsonl").mkdir()
    assert supervisor.answer({"verb": "cut", "target": "w1"}, by="host", allowed=None)["ok"]
    assert capsys.readouterr().err.count("a fault could not be written down") == 2


def test_a_disk_that_fails_under_a_fault_is_an_answer_and_a_record(
    supervisor: Supervisor, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Switchboard, "stop", full)
    answer = supervisor.answer({"verb": "stop", "target": "jkt-ops1"}, by="host", allowed=None)
    assert (answer["ok"], answer["exit_code"]) == (False, 1)
    assert "No space left" in journal.records[0]["error"]
    assert supervisor.answer({"verb": ["stop"]}, by="host", allowed=None)["exit_code"] == 2


def test_a_defect_is_an_answer_and_not_a_closed_door(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("dictionary changed size during iteration")

    monkeypatch.setattr(Switchboard, "cut", lambda *_, **__: fail())
    answer = supervisor.answer({"verb": "cut", "target": "w1"}, by="host", allowed=None)
    assert answer["exit_code"] == 1
    assert "dictionary changed size" in answer["error"]
    assert "Traceback" in capsys.readouterr().err

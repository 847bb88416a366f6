"""`dcops backup run --due` and `plan --check`: each application its result, and the worst exit code."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from dcops.cli.backup_plan import plan, run_due
from dcops.cli.common import Out
from dcops.core.errors import Locked, Unreachable
from dcops.core.words import Status


def due(name: str, *, is_due: bool = True, status: Status = Status.PASS) -> Any:
    exposure = SimpleNamespace(status=status, reason="r")
    return SimpleNamespace(application=name, is_due=is_due, reason="because", sources=(), repository="r",
                           last_success=None, exposure=exposure)  # fmt: skip


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    rows: list[Any] = []
    monkeypatch.setattr("dcops.wiring.backup_due.due_backups", lambda *_: rows)
    return rows


def test_one_failure_does_not_stop_the_next(found: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    found += [due("a"), due("b", is_due=False), due("c"), due("d")]
    errors = {"a": Unreachable("no answer", where="db"), "c": Locked("held by somebody", where="r")}
    ran = []

    def run_one(name: str) -> dict[str, Any]:
        ran.append(name)
        if name in errors:
            raise errors[name]
        return {"run": "R"}

    assert run_due(Out(as_json=True), "lab", None, run_one, is_check=False) == 11
    assert ran == ["a", "c", "d"]
    results = json.loads(capfd.readouterr().out)["applications"]
    assert [(each["status"], each["exit_code"]) for each in results] == [
        ("failed", 5), ("not due", 0), ("failed", 11), ("done", 0)
    ]  # fmt: skip


def test_check_tells_and_runs_nothing(found: list[Any]) -> None:
    found += [due("a"), due("b", is_due=False)]
    assert run_due(Out(as_json=True), "lab", None, lambda _: pytest.fail("ran"), is_check=True) == 4
    found.pop(0)
    assert run_due(Out(as_json=True), "lab", None, lambda _: pytest.fail("ran"), is_check=True) == 0


@pytest.mark.parametrize(("status", "code"), [(Status.PASS, 0), (Status.FAIL, 14), (Status.UNKNOWN, 14)])
def test_plan_check_holds_schedules_to_their_objective(found: list[Any], status: Status, code: int) -> None:
    found.append(due("a", status=status))
    assert plan(inventory="lab", check=True) == code
    assert plan(inventory="lab") == 0

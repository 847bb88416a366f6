"""ansible-runner's events, as recorded from ansible-runner 2.4.3 with ansible-core 2.19."""

from typing import Any

import pytest

from dcops.provision.model import Difference, Outcome, PlayStarted, Recap, TaskDone, TaskStarted
from dcops.provision.parse import parse_event, parse_summary


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"uuid": "x", "counter": 1, "stdout": "", "event": kind, "event_data": data}


def test_play_task_and_recap() -> None:
    assert parse_event(event("playbook_on_play_start", play="Base", name="Base", pattern="all")) == PlayStarted(
        "Base", "all"
    )
    assert parse_event(event("playbook_on_task_start", task="Keep time", name="time : Keep time")) == TaskStarted(
        "Keep time"
    )
    stats = event("playbook_on_stats", ok={"a": 3}, changed={"a": 1}, dark={"b": 1}, processed={"a": 1, "b": 1})
    assert parse_event(stats) == Recap({"a": {Outcome.OK: 3, Outcome.CHANGED: 1}, "b": {Outcome.UNREACHABLE: 1}})


def test_a_change_carries_what_was_changed_and_the_difference() -> None:
    result = {
        "changed": True,
        "changes": ["write /etc/x", "restart x.service"],
        "diff": [{"before_header": "/etc/x", "after_header": "/etc/x", "before": "a\n", "after": "b\n"}],
    }
    found = parse_event(event("runner_on_ok", host="a", task="Keep time", role="time", res=result))
    assert found == TaskDone(
        "a",
        "time: Keep time",
        Outcome.CHANGED,
        changes=("write /etc/x", "restart x.service"),
        differences=(Difference("/etc/x", "a\n", "b\n"),),
    )


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"msg": "no such unit"}, "no such unit"),
        ({"msg": "non-zero return code", "stderr": "line\npsql: down"}, "non-zero return code: psql: down"),
        ({"stderr": "alone"}, "alone"),
        ({}, "failed without a message"),
        ({"censored": "the output has been hidden"}, "failed; the output is hidden because it may hold a secret"),
    ],
)
def test_a_failure_says_why(result: dict[str, Any], message: str) -> None:
    found = parse_event(event("runner_on_failed", host="a", task="t", res=result))
    assert isinstance(found, TaskDone)
    assert (found.outcome, found.message) == (Outcome.FAILED, message)


def test_a_diff_that_is_one_mapping_or_says_nothing() -> None:
    one = event("runner_on_ok", host="a", task="t", res={"changed": True, "diff": {"before": "", "after": "x"}})
    assert parse_event(one).differences == (Difference("", "", "x"),)  # type: ignore[union-attr]
    prepared = event("runner_on_ok", host="a", task="t", res={"diff": [{"prepared": "x"}]})
    assert parse_event(prepared).differences == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["runner_item_on_ok", "runner_retry", "verbose", "playbook_on_start", "warning", ""])
def test_chatter_is_nothing(kind: str) -> None:
    assert parse_event(event(kind, host="a")) is None
    assert parse_event({}) is None


def test_summary_is_the_first_comment() -> None:
    assert parse_summary("# Does a thing.\n# More.\n- hosts: all\n") == "Does a thing."
    assert parse_summary("- hosts: all\n") == ""

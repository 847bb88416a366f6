"""A run is judged by counted events, the hosts that should have had some, and Ansible's own recap."""

import pytest

from dcops.core.exitcodes import ExitCode
from dcops.inventory.pattern import Universe
from dcops.provision.model import (
    GUARD_TASK,
    GUARD_TASKS,
    Conclusion,
    Ended,
    Event,
    HostStatus,
    Outcome,
    PlayStarted,
    Recap,
    TaskDone,
)
from dcops.provision.plan import Tally, conclude
from dcops.provision.service import expected_hosts

OK = Ended("successful")


def judged(
    events: list[Event], *, expected: tuple[str, ...] = ("a", "b"), ended: Ended = OK, is_check: bool = False
) -> Conclusion:
    tally = Tally()
    for event in events:
        tally.add(event)
    return conclude(tally, expected, ended, is_check=is_check)


def done(host: str, outcome: Outcome, *, task: str = "t", ignored: bool = False) -> TaskDone:
    bad = outcome in (Outcome.FAILED, Outcome.UNREACHABLE)
    return TaskDone(host, task, outcome, message="why" if bad else "", is_ignored=ignored)


END = Recap({})


@pytest.mark.parametrize(
    ("outcomes", "is_check", "code", "message"),
    [
        ({"a": Outcome.OK, "b": Outcome.OK}, False, ExitCode.DONE, "2 hosts, nothing to change"),
        ({"a": Outcome.CHANGED, "b": Outcome.OK}, False, ExitCode.DONE, "2 hosts, 1 changed"),
        ({"a": Outcome.CHANGED, "b": Outcome.OK}, True, ExitCode.DIFFERENCES, "1 of 2 hosts differ: a"),
        ({"a": Outcome.OK, "b": Outcome.SKIPPED}, True, ExitCode.DONE, "2 hosts, nothing differs"),
        (
            {"a": Outcome.FAILED, "b": Outcome.OK},
            False,
            ExitCode.PARTLY_APPLIED,
            "1 of 2 hosts failed or were not reached: a",
        ),
        (
            {"a": Outcome.UNREACHABLE, "b": Outcome.CHANGED},
            True,
            ExitCode.PARTLY_APPLIED,
            "1 of 2 hosts failed or were not reached: a",
        ),
        (
            {"a": Outcome.FAILED, "b": Outcome.UNREACHABLE},
            False,
            ExitCode.FAILED,
            "2 of 2 hosts failed or were not reached: a, b",
        ),
        (
            {"a": Outcome.UNREACHABLE, "b": Outcome.UNREACHABLE},
            False,
            ExitCode.UNREACHABLE,
            "2 of 2 hosts failed or were not reached: a, b",
        ),
    ],
)
def test_exit_codes(outcomes: dict[str, Outcome], is_check: bool, code: ExitCode, message: str) -> None:
    found = judged([*(done(host, outcome) for host, outcome in outcomes.items()), END], is_check=is_check)
    assert (found.exit_code, found.message) == (code, message)


def test_without_a_recap_nothing_was_done() -> None:
    found = judged([done("a", Outcome.OK)], ended=Ended("failed", "ERROR! conflicting action statements"))
    assert found.exit_code is ExitCode.FAILED
    assert found.message == "Ansible did not come to its end: ERROR! conflicting action statements"


def test_a_host_of_which_nothing_was_heard_is_unknown_not_fine() -> None:
    found = judged([done("a", Outcome.OK), END])
    assert found.exit_code is ExitCode.PARTLY_APPLIED
    assert [host.status for host in found.hosts] == [HostStatus.OK, HostStatus.UNKNOWN]


def test_no_host_at_all_is_wrong_usage() -> None:
    assert judged([END], expected=()).exit_code is ExitCode.USAGE


def test_lost_events_are_noticed() -> None:
    recap = Recap({"a": {Outcome.FAILED: 1}, "b": {Outcome.OK: 1}})
    found = judged([done("a", Outcome.OK), done("b", Outcome.OK), recap])
    assert found.exit_code is ExitCode.FAILED
    assert found.message == "events are missing, so nothing is claimed about a"


def test_an_ignored_failure_is_no_failure() -> None:
    found = judged([done("a", Outcome.FAILED, ignored=True), done("a", Outcome.OK), done("b", Outcome.OK), END])
    assert (found.exit_code, found.hosts[0].ignored) == (ExitCode.DONE, 1)


def test_the_guard_refuses_and_its_own_outcomes_count_for_nothing() -> None:
    guard = GUARD_TASK
    refused = judged([done("a", Outcome.FAILED, task=guard), done("b", Outcome.OK, task=guard), END])
    assert refused.exit_code is ExitCode.REFUSED
    assert refused.message == "not the enrolled hosts, nothing was touched: why"
    reads = GUARD_TASKS[0]
    passed = judged([done("a", Outcome.UNREACHABLE, task=reads), done("a", Outcome.UNREACHABLE), END], expected=("a",))
    assert (passed.exit_code, passed.hosts[0].unreachable) == (ExitCode.UNREACHABLE, 1)


def test_an_interrupted_run_is_that_whatever_else_happened() -> None:
    found = judged([done("a", Outcome.FAILED), END], ended=Ended("canceled"))
    assert found.exit_code is ExitCode.INTERRUPTED


def test_the_order_of_events_does_not_matter() -> None:
    events: list[Event] = [PlayStarted("p", "all"), done("a", Outcome.CHANGED), done("b", Outcome.OK), END]
    forward, backward = judged(events), judged(events[::-1])
    assert forward == backward


def test_expected_hosts_are_those_of_the_plays_within_the_limit() -> None:
    universe = Universe(("a", "b", "c"), {"all": ("a", "b", "c"), "db": ("b", "c")})
    assert expected_hosts(["db", "a"], None, universe) == ("a", "b", "c")
    assert expected_hosts(["db"], "a,b", universe) == ("b",)
    assert expected_hosts([], None, universe) == ()


def test_a_change_that_no_log_hides_is_counted_from_the_recap() -> None:
    hidden = TaskDone("a", "t", Outcome.OK, is_hidden=True)
    recap = Recap({"a": {Outcome.OK: 1, Outcome.CHANGED: 1}, "b": {Outcome.OK: 1}})
    found = judged([hidden, done("b", Outcome.OK), recap])
    assert (found.exit_code, found.message, found.hosts[0].ok) == (ExitCode.DONE, "2 hosts, 1 changed", 1)

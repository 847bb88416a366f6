"""Fan-out: one result a host, whatever happens to the others."""

import threading

import pytest

from dcops.core.errors import DcopsError, Unreachable
from dcops.runs.cancel import CancelToken
from dcops.runs.executor import HostStatus, Limits, fan_out

HOSTS = [f"h{number}" for number in range(20)]


def test_one_result_per_host_and_failures_lose_nobody() -> None:
    def work(host: str) -> str:
        if host == "h3":
            raise Unreachable("no route", where=host)
        if host == "h4":
            raise KeyError("canary-0451")
        if host == "h5":
            raise SystemExit(3)
        return host.upper()

    results = {result.host: result for result in fan_out(HOSTS, work, limits=Limits(forks=4))}
    assert sorted(results) == sorted(HOSTS)
    assert {host for host, result in results.items() if not result.is_ok} == {"h3", "h4", "h5"}
    assert isinstance(results["h3"].error, Unreachable)
    assert "unexpected KeyError at test_executor.py:" in str(results["h4"].error)
    assert "canary" not in str(results["h4"].error)
    assert results["h7"].value == "H7"


def test_never_more_threads_than_forks() -> None:
    lock, running, most = threading.Lock(), 0, 0
    gate = threading.Barrier(3, timeout=5)

    def work(_: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait()
        with lock:
            running -= 1

    assert len(list(fan_out(HOSTS[:18], work, limits=Limits(forks=3)))) == 18
    assert most == 3


def test_a_host_past_its_deadline_is_reported_and_the_others_go_on() -> None:
    release = threading.Event()
    results = {}
    for result in fan_out(
        ["slow", "fast"], lambda host: host == "fast" or release.wait(30), limits=Limits(forks=2, deadline_seconds=0.3)
    ):
        results[result.host] = result
    release.set()
    assert results["slow"].status is HostStatus.TIMED_OUT
    assert results["fast"].is_ok


def test_a_hung_host_frees_its_place() -> None:
    release = threading.Event()
    found = list(fan_out(["slow", "fast"], lambda host: host == "fast" or release.wait(30), limits=Limits(1, 0.2)))
    release.set()
    assert [result.host for result in found] == ["slow", "fast"]


def test_cancelled_hosts_say_that_they_never_began() -> None:
    token = CancelToken()

    def work(host: str) -> str:
        token.cancel("SIGTERM")
        return host

    results = list(fan_out(HOSTS, work, limits=Limits(forks=1), token=token))
    assert len(results) == len(HOSTS)
    assert results[-1].status is HostStatus.NOT_STARTED or results[0].status is HostStatus.OK
    left = [result for result in results if result.status is HostStatus.NOT_STARTED]
    assert len(left) == len(HOSTS) - 1
    assert "before it began" in str(left[0].error)


def test_jitter_ends_with_the_token() -> None:
    token = CancelToken()
    token.cancel("x")
    assert [r.status for r in fan_out(["a"], str, limits=Limits(jitter_seconds=60), token=token)] == [
        HostStatus.NOT_STARTED
    ]


@pytest.mark.parametrize("hosts", [[], ["a", "a"]])
def test_nothing_and_doubles(hosts: list[str]) -> None:
    assert len(list(fan_out(hosts, str))) == len(set(hosts))


def test_errors_keep_their_type() -> None:
    def work(_: str) -> None:
        raise DcopsError("x")

    assert next(iter(fan_out(["a"], work))).status is HostStatus.FAILED

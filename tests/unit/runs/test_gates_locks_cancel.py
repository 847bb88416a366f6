"""Gates tell all reasons, locks name their holder, a signal becomes a token and rollback comes first."""

import os
import signal
from pathlib import Path

import pytest

from dcops.core.errors import DcopsError, Interrupted, Locked, Refused, UsageError
from dcops.runs.cancel import CancelToken, cancel_on_signals, rolled_back_on_exit
from dcops.runs.gates import Gate, allowed, check_gates, refused
from dcops.runs.locks import hold, holder_of


def unreadable() -> None:
    raise DcopsError("cannot be read", where="identity")


def test_all_reasons_are_told_and_every_gate_is_asked() -> None:
    asked: list[str] = []
    gates = [
        Gate("window", lambda: asked.append("window") or refused("closed until 22:00", "Wait.")),  # type: ignore[func-returns-value]
        Gate("identity", unreadable),  # type: ignore[arg-type]
        Gate("disk", lambda: asked.append("disk") or allowed()),  # type: ignore[func-returns-value]
    ]
    with pytest.raises(
        Refused, match=r"window: closed until 22:00; identity: identity: cannot be read\. Wait\."
    ) as caught:
        check_gates(gates, what="drill naskah-db-loss")
    assert caught.value.exit_code == 7
    assert asked == ["window", "disk"]
    check_gates([Gate("disk", allowed)], what="drill")


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    with hold(tmp_path, "backup", actor="operator-1@jkt-ops1", verb="backup run", run="R1"):
        holder = holder_of(tmp_path, "backup")
        assert holder is not None
        assert (holder.pid, holder.run) == (os.getpid(), "R1")
        with (
            pytest.raises(Locked, match=r"operator-1@jkt-ops1 \(pid \d+, backup run, run R1"),
            hold(tmp_path, "backup", actor="x", verb="y"),
        ):
            pass
    assert holder_of(tmp_path, "backup") is None
    assert holder_of(tmp_path, "never") is None


def test_what_a_dead_holder_left_is_told(tmp_path: Path) -> None:
    (tmp_path / "drill.lock").write_text('{"pid": 1, "run": "R0", "actor": "a", "verb": "drill run", "since": "t"}')
    assert holder_of(tmp_path, "drill") is None
    with hold(tmp_path, "drill", actor="b", verb="drill run") as left_behind:
        assert left_behind is not None
        assert left_behind.run == "R0"
    with hold(tmp_path, "drill", actor="b", verb="drill run") as left_behind:
        assert left_behind is None


def test_a_lock_name_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError), hold(tmp_path, "../x", actor="a", verb="v"):
        pass


def test_waiting_for_a_lock_ends_with_the_token(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel("TERM")
    with (
        hold(tmp_path, "a", actor="a", verb="v"),
        pytest.raises(Interrupted),
        hold(tmp_path, "a", actor="b", verb="v", wait_seconds=60, token=token),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_token_and_the_handler_is_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with cancel_on_signals() as token:
        assert not token.is_cancelled
        signal.raise_signal(number)
        assert token.is_cancelled
        with pytest.raises(Interrupted, match=number.name) as caught:
            token.raise_if_cancelled()
    assert caught.value.exit_code == 130
    assert signal.getsignal(number) is before


def test_rollback_is_first_and_a_second_signal_does_not_stop_it() -> None:
    done: list[str] = []

    def rollback() -> None:
        signal.raise_signal(signal.SIGTERM)
        done.append("rolled back")

    with pytest.raises(Interrupted), cancel_on_signals() as token, rolled_back_on_exit(token, rollback):
        signal.raise_signal(signal.SIGINT)
    assert done == ["rolled back"]
    assert (token.count, token.reason) == (2, "SIGINT")


def test_rollback_runs_on_failure_and_not_on_success() -> None:
    done: list[str] = []
    with rolled_back_on_exit(CancelToken(), lambda: done.append("no")):
        pass
    with pytest.raises(ZeroDivisionError), rolled_back_on_exit(CancelToken(), lambda: done.append("yes")):
        1 / 0  # noqa: B018
    assert done == ["yes"]

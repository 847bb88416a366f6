"""Which locks are dead, which are held, and when restic must not be asked to remove any."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dcops.backup.model import RepositoryLock
from dcops.backup.parse import parse_lock, parse_lock_ids
from dcops.backup.unlock import Runs, Verdict, dead_locks, judge_lock, remove_dead, runs_of_host
from dcops.core.errors import DcopsError, Locked, ParseError
from dcops.wiring.backup_unlock import program_of

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def lock(minutes: float, host: str = "ops1", name: str = "a") -> RepositoryLock:
    time = NOON - timedelta(minutes=minutes)
    return RepositoryLock(id=name * 64, time=time, hostname=host, username="root", pid=77, is_exclusive=False)


def judged(minutes: float, host: str = "ops1", program: str | None = None, runs: Runs = Runs.NONE) -> Verdict:
    found = lock(minutes, host)
    return judge_lock(found, host="ops1", now=NOON, program=program, runs=runs, limit_seconds=7200)


@pytest.mark.parametrize(
    ("verdict", "is_dead"),
    [
        (judged(1), True),
        (judged(-90), True),
        (judged(1, program="restic"), False),
        (judged(9000, program="restic"), False),
        (judged(1, program="sshd"), False),
        (judged(121, program="sshd"), True),
        (judged(121, program="sshd", runs=Runs.RUNNING), False),
        (judged(119, host="ops2"), False),
        (judged(121, host="ops2"), True),
        (judged(121, host="ops2", runs=Runs.UNKNOWN), False),
        (judged(121, host="ops2", runs=Runs.RUNNING), False),
        (judged(-90, host="ops2"), False),
    ],
)
def test_a_lock_is_dead_only_by_proof(verdict: Verdict, is_dead: bool) -> None:
    assert verdict.is_dead is is_dead, verdict.reason


def test_a_held_lock_names_its_holder() -> None:
    with pytest.raises(Locked) as caught:
        dead_locks([judged(1, program="restic")], "r")
    assert caught.value.exit_code == 11
    assert "root@ops1, pid 77, since 2026-11-24 11:59:00 UTC: its process lives" in str(caught.value)


def test_a_held_lock_that_restic_would_remove_too_stops_everything() -> None:
    assert dead_locks([judged(1), judged(1, host="ops2")], "r") == (judged(1),)
    with pytest.raises(Locked, match="Nothing was removed"):
        dead_locks([judged(1), judged(40, host="ops2")], "r")
    with pytest.raises(Locked):
        dead_locks([judged(1), judged(28.5, host="ops2")], "r")
    with pytest.raises(Locked, match="its pid is sshd now"):
        dead_locks([judged(1), judged(1, program="sshd")], "r")
    assert dead_locks([], "r") == ()


class Keeper:
    """Locks in memory; `stubborn` ones are not removed."""

    where = "r"

    def __init__(self, locks: list[RepositoryLock], stubborn: str = "") -> None:
        self.kept, self.stubborn = locks, stubborn

    def locks(self) -> list[RepositoryLock]:
        return list(self.kept)

    def unlock(self) -> None:
        self.kept = [each for each in self.kept if each.id[0] in self.stubborn]


def test_only_what_is_gone_is_recorded() -> None:
    recorded: list[Verdict] = []

    def judge(found: RepositoryLock) -> Verdict:
        return judge_lock(found, host="ops1", now=NOON, program=None, runs=Runs.NONE, limit_seconds=7200)

    with pytest.raises(DcopsError, match="did not remove 1 of 2"):
        remove_dead(Keeper([lock(1), lock(2, name="b")], "b"), judge, recorded.append)
    assert [each.lock.id[0] for each in recorded] == ["a"]


def test_a_journal_knows_only_what_it_reaches() -> None:
    def at(minutes: float, kind: str, run: str, verb: str = "backup run") -> tuple[datetime, str, str, str]:
        return NOON + timedelta(minutes=minutes), f"run.{kind}", run, verb

    done = [at(0, "started", "A"), at(9, "finished", "A")]
    assert runs_of_host(done, NOON) is Runs.NONE
    assert runs_of_host(done, NOON + timedelta(minutes=10)) is Runs.UNKNOWN
    assert runs_of_host([], NOON) is Runs.UNKNOWN
    assert runs_of_host([*done, at(10, "started", "B")], NOON) is Runs.RUNNING
    assert runs_of_host([at(0, "started", "K"), *done], NOON) is Runs.NONE
    assert runs_of_host([*done, at(10, "started", "D", "drill run")], NOON) is Runs.NONE


def test_locks_are_read_from_what_restic_says() -> None:
    name = "e7" * 32
    assert parse_lock_ids(f"repository x opened\n{name}\n\n") == [name]
    text = '{"time":"2026-11-24T09:50:19.922791155Z","exclusive":true,"hostname":"vm","username":"root","pid":19563}'
    found = parse_lock(name, text)
    assert (found.pid, found.hostname, found.is_exclusive, found.time.second) == (19563, "vm", True, 19)
    for bad in ("", "{}", '{"time":"soon","pid":1}'):
        with pytest.raises(ParseError, match="cannot be read"):
            parse_lock(name, bad)


def test_a_zombie_is_no_process(tmp_path: Path) -> None:
    for pid, state in ((1, "S (sleeping)"), (2, "Z (zombie)")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "status").write_text(f"Name:\trestic\nState:\t{state}\n")
    assert [program_of(pid, tmp_path) for pid in (1, 2, 3)] == ["restic", None, None]

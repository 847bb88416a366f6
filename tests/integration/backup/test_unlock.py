"""Locks of a real restic: a killed one's is removed, a living one's never."""

import os
import signal
import subprocess
import time

import pytest

from dcops.backup.model import RepositoryLock
from dcops.backup.unlock import Runs, Verdict, judge_lock, remove_dead
from dcops.core.clock import utc_now
from dcops.core.errors import Locked
from dcops.wiring.backup_unlock import program_of

from .conftest import KEY, House


def holding(house: House) -> "subprocess.Popen[bytes]":
    """Start a backup that waits for its input, and so holds a lock."""

    def locks() -> int:
        """Count whole locks: restic writes one under another name first and renames it."""
        return sum(len(path.name) == 64 for path in (house.repository / "locks").iterdir())

    count = locks()
    env = {**os.environ, "RESTIC_PASSWORD": KEY, "RESTIC_CACHE_DIR": str(house.tmp / "other")}
    argv = ["restic", "-r", str(house.repository), "backup", "--stdin", "--stdin-filename", "x"]
    made = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while locks() == count:
        time.sleep(0.05)
    return made


def judge(lock: RepositoryLock) -> Verdict:
    host, program = os.uname().nodename, program_of(lock.pid)
    return judge_lock(lock, host=host, now=utc_now(), program=program, runs=Runs.NONE, limit_seconds=7200)


def test_the_lock_of_a_killed_run_goes_and_that_of_a_living_one_stays(done: House) -> None:
    recorded: list[Verdict] = []
    living, killed = holding(done), holding(done)
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        verdicts = remove_dead(done.restic(), judge, recorded.append)
        assert [each.lock.pid for each in verdicts if each.is_dead] == [killed.pid]
        assert [each.lock.pid for each in recorded] == [killed.pid]
        assert [lock.pid for lock in done.restic().locks()] == [living.pid]
        with pytest.raises(Locked, match=f"pid {living.pid}"):
            remove_dead(done.restic(), judge, recorded.append)
        assert len(recorded) == 1
        assert living.poll() is None
    finally:
        living.send_signal(signal.SIGINT)  # on TERM restic 0.14 leaves its lock
        living.wait()
    assert remove_dead(done.restic(), judge, recorded.append) == ()

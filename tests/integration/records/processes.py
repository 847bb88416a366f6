"""Other processes that write records, and the journal they leave behind.

They are forked, not started: eight times the imports would cost more than the writing.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import alembic.command
import psycopg

import dcops.records.postgres
import dcops.records.sqlite
from dcops.core.settings import Settings
from dcops.records.model import Verification
from dcops.wiring.records import open_journal, verify_records

FORKED_WITH = (alembic.command, psycopg, dcops.records.postgres, dcops.records.sqlite)  # else each child imports them


def settings(state: Path) -> Settings:
    """The settings of a process whose state is below `state` and that is enrolled nowhere."""
    return Settings(home=state, state=state, secrets=state / "secrets", identity_path=state / "no-identity")


@dataclass
class Writer:
    """A running process; `output` gives the seq of each record, a line each, once it is on disk."""

    pid: int
    output: IO[str]
    status: int | None = None

    def kill(self) -> None:
        """kill -9, now."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Return the exit status, negative for a signal; harmless when it has ended."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def told(self) -> list[int]:
        """Read to the end what it said was on disk."""
        return [int(line) for line in self.output.read().split()]


@contextmanager
def writer(state: Path, count: int | None = None) -> Iterator[Writer]:
    """Fork a process that appends `count` records, or goes on until it is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        status = 1
        try:
            _append(state, count, writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as output:
        found = Writer(pid, output)
        try:
            yield found
        finally:
            if found.status is None:
                found.kill()
                found.wait()


def kill_at_random(state: Path, seed: int) -> list[int]:
    """Start a writer, kill -9 it at a random moment after its first record, return the seqs it said were on disk."""
    with writer(state) as running:
        first = running.output.readline()
        time.sleep(random.Random(seed).uniform(0.0, 0.15))
        running.kill()
        assert running.wait() == -signal.SIGKILL
        return [int(first), *running.told()]


def crowd(state: Path, count: int, each: int) -> list[int]:
    """Run `count` writers at once, `each` records each; return all seqs they said were on disk, sorted."""
    if count == 0:
        return []
    with writer(state, each) as running:
        others = crowd(state, count - 1, each)
        told = running.told()
        assert running.wait() == 0
    return sorted([*told, *others])


def check(state: Path) -> Verification:
    """Verify what was left behind."""
    return verify_records(settings(state))


def _append(state: Path, count: int | None, output: int) -> None:
    journal = open_journal(settings(state), None, "twin", journal="jkt-ops1")
    number = 0
    while count is None or number < count:
        facts = {"number": number, "padding": "x" * (number % 7 * 1000)}
        record = journal.append("observation", {"subject": "jkt-db1", "aspect": "kill", "facts": facts})
        os.write(output, f"{record.seq}\n".encode())
        number += 1

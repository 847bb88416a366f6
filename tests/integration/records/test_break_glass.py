"""A full disk never stops an act: the record is spooled, people are paged, a gap is marked later."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from dcops.records.model import Fault
from dcops.records.sqlite import SqliteStore
from dcops.records.verification import Evidence, verify
from tests.contract.records.writers import Alarms, Key, journal_on, note, rows_of
from tests.integration.records.processes import check, settings


def fill_and_recover(state: Path) -> None:
    """In a process of its own: files may not grow, then they may again."""
    from dcops.wiring.records import open_journal

    journal = open_journal(settings(state), None, "twin", journal="jkt-ops1")
    assert not note(journal, 1).is_spooled
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    assert note(journal, 2).is_spooled
    assert note(journal, 3).is_spooled
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert journal.waiting() == 2
    assert check(state).unsealed == ("2 records wait in the spool and are in no chain yet",)
    assert not note(journal, 4).is_spooled
    assert journal.waiting() == 0


def in_a_child(work: object, *arguments: object) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(*arguments)  # type: ignore[operator]
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    assert in_a_child(fill_and_recover, tmp_path) == 0
    found = check(tmp_path)
    assert (found.findings, found.unsealed) == ((), ())
    store = SqliteStore(tmp_path / "records" / "journal.db")
    kinds = [row.columns["kind"] for row in rows_of(store)]
    assert kinds == ["journal.opened", "observation", "gap", "observation", "observation", "observation"]
    store.close()


FULL = """
import pathlib, sys
from tests.integration.records.processes import settings, check
from tests.contract.records.writers import note
from dcops.wiring.records import open_journal
from dcops.runs.run import start_run, load_run
state = pathlib.Path(sys.argv[1])
journal = open_journal(settings(state), None, "twin", journal="jkt-ops1")
note(journal, 1)
filler = state / "filler"
with filler.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(b"x" * 4096)
    except OSError as error:
        print("full:", error.errno)
acted = False
with start_run(state, "backup run", environment="twin", inventory="lab", journal=journal) as run:
    run.event("dump.started")
    acted = True
print("acted:", acted, "waiting:", journal.waiting())
filler.unlink()
note(journal, 2)
found = check(state)
print("after:", [str(f) for f in found.findings], found.unsealed, found.records, "waiting:", journal.waiting())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A tmpfs of 2 MB in a mount namespace of the test's own, filled to the last byte."""
    script = tmp_path / "full.py"
    script.write_text(FULL)
    disk = tmp_path / "disk"
    disk.mkdir()
    shell = 'mount -t tmpfs -o size=2m none "$1" && mount -t tmpfs none /dev/shm && exec "$2" "$3" "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", shell, "sh", str(disk), sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "full: 28"
    assert lines[1].startswith("acted: True waiting: 2")  # run.started and run.finished
    assert lines[2] == "after: [] () 6 waiting: 0"  # opened, note, gap, two spooled, note
    assert "page: a record could not be written to the journal" in done.stderr
    assert list(disk.iterdir()) == []  # the small disk was never seen outside


def test_a_spooled_line_changed_meanwhile_is_kept_apart(tmp_path: Path) -> None:
    store, key, alarms = SqliteStore(tmp_path / "journal.db"), Key(), Alarms()
    broken = SqliteStore(tmp_path / "missing" / "journal.db", must_exist=True)
    away = journal_on(broken, tmp_path, key=key, alarm=alarms)
    assert note(away, 1).is_spooled
    assert note(away, 2).is_spooled
    assert len(alarms.sent) == 2
    spool = tmp_path / "spool" / "waiting.spool"
    spool.write_text(re.sub(r"(number\W+)2", r"\g<1>9", spool.read_text()))
    journal = journal_on(store, tmp_path, key=key)
    note(journal, 3)
    gap = journal.last("gap")
    assert gap is not None
    assert (len(gap.payload["spooled"]), len(gap.payload["refused"])) == (1, 1)
    assert [r.payload["facts"]["number"] for r in journal.query(kind="observation")] == [1, 3]
    assert verify(store, Evidence()).findings == ()
    store.close()


def test_a_damaged_database_spools_too_and_verify_says_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    store, key = SqliteStore(path), Key()
    journal = journal_on(store, tmp_path, key=key)
    for number in range(200):
        note(journal, number)
    store.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 12] = b"\xff" * (4096 * 9)
    path.write_bytes(data)
    found = verify(SqliteStore(path), Evidence())
    assert Fault.CHANGED in {finding.fault for finding in found.findings}
    path.write_bytes(b"not a database at all" * 1000)
    journal = journal_on(SqliteStore(path), tmp_path, key=key)
    assert note(journal).is_spooled

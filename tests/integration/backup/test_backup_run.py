"""A backup from end to end on real servers: what is stored, what is recorded, and that nothing bad looks good."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcops.backup.ports import ByteStream, DumpSession
from dcops.backup.postgresql import Postgresql
from dcops.core.errors import (
    AuthenticationFailed,
    CommandError,
    DcopsError,
    IntegrityFailure,
    Locked,
    PolicyBroken,
    Refused,
    RepositoryMissing,
    Unreachable,
    WrongKey,
)
from dcops.core.secrets import Secret

from .conftest import DATABASE_PASSWORD, KEY, RUNS, House


def ignore(_: str) -> None:
    return None


def test_a_run_stores_a_complete_set_and_a_receipt(house: House) -> None:
    newest = house.letter("the last one")
    receipt = house.run()
    assert receipt.status == "done"
    assert receipt.rows == {"surat": 21, "lampiran": 10}
    assert receipt.newest == newest
    assert receipt.file_count == 10
    assert receipt.file_bytes == 30_000
    assert receipt.repository_id == house.log.ids["offsite"] == house.restic().identity()
    found = house.service().newest_set()
    assert found is not None
    assert found.manifest.digest() == receipt.manifest_sha256
    assert len(house.service().snapshots()) == 3


def test_a_server_that_dies_after_the_dump_leaves_the_receipt_of_a_failure(house: House) -> None:
    postgresql = house.postgresql()

    class Dying:
        @contextmanager
        def session(self) -> Iterator[DumpSession]:
            with postgresql.session() as session:
                yield session
                with house.cluster.connect() as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                        " WHERE application_name = 'dcops backup' AND datname = %s",
                        (house.database,),
                    )

    restic = house.restic()
    with pytest.raises(Unreachable, match="does not answer"):
        house.service(restic).run(house.writers(restic, Dying()), RUNS[0], ignore)
    assert [receipt.status for receipt in house.log.kept] == ["failed"]


def test_the_set_is_consistent_while_letters_keep_coming(house: House) -> None:
    """A letter that arrives after the snapshot is in neither the counts nor the dump; its file may be there."""
    postgresql = house.postgresql()

    class Late:
        @contextmanager
        def session(self) -> Iterator[DumpSession]:
            with postgresql.session() as session:
                house.letter("too late", b"its attachment")
                yield session

    restic = house.restic()
    receipt = house.service(restic).run(house.writers(restic, Late()), RUNS[0], ignore)
    assert receipt.rows["surat"] == 20
    assert receipt.file_count == 11
    house.service().restore("latest", house.tmp / "out", ignore)


def test_a_second_run_adds_little(done: House) -> None:
    first, second = done.log.kept[0], done.run(1)
    assert second.added_bytes < first.added_bytes / 2
    assert [receipt.status for receipt in done.log.kept] == ["done", "done"]


def test_stopped_postgresql_ends_the_run_and_is_named(house: House) -> None:
    house.cluster.stop()
    try:
        with pytest.raises(Unreachable, match=r"db1 .*PostgreSQL does not answer.*Start PostgreSQL on db1"):
            house.run()
    finally:
        house.cluster.start()
    assert house.log.kept[-1].status == "failed"
    assert house.log.kept[-1].exit_code == 5
    assert not house.repository.exists()


def test_a_failing_dump_leaves_neither_snapshot_nor_lock(done: House) -> None:
    postgresql = done.postgresql()

    class Failing:
        @contextmanager
        def session(self) -> Iterator[DumpSession]:
            with postgresql.session() as session:
                yield Broken(session)

    class Broken:
        def __init__(self, inner: DumpSession) -> None:
            self.facts, self.snapshot_at = inner.facts, inner.snapshot_at

        @contextmanager
        def dump(self) -> Iterator[ByteStream]:
            with postgresql.stream_dump("00000000-00000000-1") as stream:  # no such snapshot: pg_dump ends with 1
                yield stream

    restic = done.restic()
    before = {snapshot.id for snapshot in restic.snapshots()}
    with pytest.raises(CommandError, match="pg_dump ended with status 1"):
        done.service(restic).run(done.writers(restic, Failing()), RUNS[1], ignore)
    assert {snapshot.id for snapshot in restic.snapshots()} == before
    assert list((done.repository / "locks").iterdir()) == []
    assert done.log.kept[-1].status == "failed"


def test_a_dump_that_dies_late_leaves_neither_snapshot_nor_lock(done: House) -> None:
    """The producer sends megabytes, then fails: everything restic has read must be forgotten."""
    restic = done.restic()

    class Late:
        left = 40

        def read(self, size: int) -> bytes:
            self.left -= 1
            return os.urandom(size) if self.left > 0 else b""

        def finish(self) -> None:
            raise CommandError(["pg_dump"], 1, "connection lost")

    with (
        pytest.raises(CommandError, match="connection lost"),
        restic.open_stream("naskah.dump", ("app=naskah",)) as storing,
    ):
        storing.feed(Late(), lambda _: None)
    assert len(restic.snapshots()) == 3
    assert list((done.repository / "locks").iterdir()) == []


def test_a_stream_that_was_only_opened_leaves_neither_snapshot_nor_lock(done: House) -> None:
    restic = done.restic()
    with restic.open_stream("manifest.json", ("app=naskah", "part=manifest")):
        wait_for_lock(done)
    assert len(restic.snapshots()) == 3
    assert list((done.repository / "locks").iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from dcops.backup.restic import Restic, ResticAccess
from dcops.core.secrets import Secret

class Last:
    is_first = True
    def read(self, size):
        if not self.is_first:  # a pipe holds 64 KiB, so restic has read what came before
            os.kill(os.getpid(), signal.SIGKILL)
        self.is_first = False
        return os.urandom(size)

base = Path(sys.argv[1])
restic = Restic(ResticAccess(str(base / "repository"), Secret("", "file:key", Path(sys.argv[2])), base / "cache"))
with restic.open_stream("manifest.json", ("app=naskah", "part=manifest")) as storing:
    storing.feed(Last(), lambda count: None)
"""


def test_a_run_that_is_killed_stores_no_part_of_a_stream(done: House) -> None:
    """restic takes the end of its input for the end of the file, and a killed run ends every input."""
    restic = done.restic()
    key = done.tmp / f"key-{len(KEY)}"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(done.tmp), str(key)], check=False).returncode
    assert ended == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while list((done.repository / "locks").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list((done.repository / "locks").iterdir()) == []
    assert len(restic.snapshots()) == 3


def wait_for_lock(house: House) -> None:
    """Wait until a restic has taken its lock."""
    while not list((house.repository / "locks").iterdir()):
        time.sleep(0.02)


def test_wrong_database_password_is_said_without_the_password(house: House) -> None:
    wrong = Postgresql(house.policy().database, "127.0.0.1", Secret("canary-wrong", "file:db"))
    with pytest.raises(AuthenticationFailed, match="refuses the account naskah") as caught, wrong.session():
        pass
    assert "canary" not in str(caught.value)


def test_a_row_without_its_file_is_never_a_good_backup(house: House) -> None:
    next(path for path in house.source.rglob("*") if path.is_file()).unlink()
    with pytest.raises(IntegrityFailure, match="1 files named by rows are not there"):
        house.run()
    assert house.log.kept[-1].status == "failed"
    assert house.service().newest_set() is None


def test_a_file_damaged_at_the_source_is_found(house: House) -> None:
    next(path for path in house.source.rglob("*") if path.is_file()).write_bytes(b"overwritten")
    with pytest.raises(IntegrityFailure, match="is not what its name says"):
        house.run()


def test_an_unfinished_upload_is_left_out(house: House) -> None:
    (house.source / "tmp").mkdir()
    (house.source / "tmp" / "upload").write_bytes(b"half")
    assert house.run().file_count == 10


def test_a_dump_below_the_policy_is_refused(house: House) -> None:
    restic = house.restic()
    with pytest.raises(PolicyBroken, match="the policy asks for"):
        house.service(restic, minimum_size="1GB").run(house.writers(restic), RUNS[0], ignore)
    assert restic.snapshots() == []


def test_repository_errors_have_their_own_codes(house: House) -> None:
    with pytest.raises(RepositoryMissing):
        house.restic().identity()
    house.run()
    with pytest.raises(WrongKey) as caught:
        house.restic("canary-other").identity()
    assert caught.value.exit_code == 12
    assert "canary" not in str(caught.value)


def test_an_enrolled_repository_that_is_gone_is_never_made_anew(done: House) -> None:
    done.repository.rename(done.tmp / "elsewhere")
    with pytest.raises(RepositoryMissing):
        done.run(1)
    assert not done.repository.exists()
    assert done.log.kept[-1].exit_code == 10


def test_another_repository_at_the_same_address_is_refused(done: House) -> None:
    done.repository.rename(done.tmp / "elsewhere")
    done.restic().initialise()
    with pytest.raises(Refused, match="enrolled is"):
        done.run(1)
    assert done.restic().snapshots() == []


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Hold restic's exclusive lock: a check that waits, frozen, on purpose."""
    env = {**os.environ, "RESTIC_PASSWORD": KEY, "RESTIC_CACHE_DIR": str(house.tmp / "other")}
    argv = ["restic", "-r", str(house.repository), "backup", "--stdin", "--stdin-filename", "x"]
    other = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_lock(house)
        yield
    finally:
        other.terminate()
        other.wait()


def test_a_lock_is_reported_and_waited_for(done: House) -> None:
    with locked(done):
        began = time.monotonic()
        with pytest.raises(Locked) as caught:
            done.restic(lock_wait_seconds=2.0).check(is_data_read=False)
        assert caught.value.exit_code == 11
        assert time.monotonic() - began >= 2.0


def flip_a_byte(repository: Path) -> None:
    """Flip one byte in each of the two largest packs: dump and files are damaged, the trees are not."""
    packs = [path for path in (repository / "data").rglob("*") if path.is_file()]
    for pack in sorted(packs, key=lambda path: path.stat().st_size)[-2:]:
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 0xFF
        pack.chmod(0o600)
        pack.write_bytes(content)


def test_a_flipped_byte_is_found_by_reading_the_data_and_by_restore(done: House) -> None:
    flip_a_byte(done.repository)
    done.service().check(is_data_read=False)  # the structure is whole; only reading the data shows it
    with pytest.raises(IntegrityFailure) as caught:
        done.service().check(is_data_read=True)
    assert caught.value.exit_code == 13
    with pytest.raises(DcopsError):
        done.service().restore("latest", done.tmp / "out", ignore)


def test_restore_brings_back_what_the_manifest_lists(done: House) -> None:
    receipt = done.log.kept[-1]
    found = done.service().restore("latest", done.tmp / "out", ignore)
    assert found is not None
    files = [path for path in (done.tmp / "out" / "files").rglob("*") if path.is_file()]
    assert len(files) == receipt.file_count
    assert (done.tmp / "out").stat().st_mode & 0o777 == 0o700
    dump = done.tmp / "out" / "dump" / f"{done.database}.dump"
    listing = subprocess.run(["pg_restore", "--list", str(dump)], capture_output=True, text=True, check=True).stdout
    assert "TABLE DATA public surat" in listing


def test_restore_takes_a_run_or_a_single_snapshot(done: House) -> None:
    receipt = done.log.kept[-1]
    assert done.service().restore(RUNS[0][-8:], done.tmp / "run", ignore) is not None
    assert done.service().restore(receipt.dump_snapshot[:8], done.tmp / "one", ignore) is None
    with pytest.raises(DcopsError, match="no complete set"):
        done.service().restore("feedbeef", done.tmp / "none", ignore)


def test_restore_into_a_folder_with_something_in_it_is_refused(done: House) -> None:
    target = done.tmp / "live"
    target.mkdir()
    (target / "data").write_text("precious")
    with pytest.raises(Refused, match="not an empty folder"):
        done.service().restore("latest", target, ignore)
    assert [path.name for path in target.iterdir()] == ["data"]
    assert (target / "data").read_text() == "precious"


def test_no_secret_is_in_argv_or_in_what_is_said(house: House) -> None:
    said: list[str] = []
    seen: set[str] = set()

    def watch(text: str) -> None:
        said.append(text)
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue

    receipt = house.run(report=watch)
    everything = "\n".join([*said, *seen, receipt.model_dump_json()])
    assert KEY not in everything
    assert DATABASE_PASSWORD not in everything


def test_status_follows_the_receipts(done: House) -> None:
    from datetime import timedelta

    receipt = done.log.kept[-1]
    assert done.service().status(receipt.finished_at + timedelta(hours=1)).status == "pass"
    assert done.service().status(receipt.finished_at + timedelta(hours=27)).status == "fail"
    done.log.kept.clear()
    assert done.service().status(receipt.finished_at).status == "unknown"

"""Verification on real restic and real PostgreSQL: what is proved, what is noticed, and that nothing stays behind."""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcops.backup.model import BackupPolicy
from dcops.backup.scratch import PrivateScratch, sweep
from dcops.backup.throwaway import ThrowawayPostgresql
from dcops.backup.verify import Outcome, Request, VerifyService
from dcops.core.errors import IntegrityFailure, Interrupted, PolicyBroken, Refused

from .conftest import RUNS, House

ME = "01JVERXFY00000000000000000"
INVARIANTS = (
    {"id": "orphans", "sql": "SELECT count(*) FROM lampiran WHERE surat_id NOT IN (SELECT id FROM surat)", "expect": 0},
    {"id": "has_letters", "sql": "SELECT count(*) > 0 FROM surat", "expect": True},
)  # fmt: skip


@pytest.fixture
def base() -> Iterator[Path]:
    """A short path that every account can pass through, empty again at the end of the test."""
    folder = Path(tempfile.mkdtemp(prefix="dv-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    left = [path.name for path in folder.iterdir()]
    for path in folder.iterdir():
        path.rmdir()
    folder.rmdir()
    assert left == []


def verify(house: House, base: Path, request: Request, report: object = None, **changes: object) -> Outcome:
    policy: BackupPolicy = house.policy(**{"invariants": INVARIANTS, **changes})
    restic = house.restic()
    service = VerifyService(policy, house.service(restic), restic, house.log)
    scratch = PrivateScratch(ME, base)
    with scratch.opened():
        cluster = ThrowawayPostgresql(scratch.cluster_folder)
        return service.verify(request, scratch, cluster, ME, report or (lambda _: None))  # type: ignore[arg-type]


def test_full_proves_files_rows_and_invariants_and_wipes(done: House, base: Path) -> None:
    modes: dict[str, int] = {}
    listening: list[str] = []

    def watch(text: str) -> None:
        modes.update({path.name: path.stat().st_mode & 0o777 for path in base.iterdir()})
        if "as in the manifest" in text:
            pid = (base / f"dcops-verify-{ME}-db" / "data" / "postmaster.pid").read_text().split()[0]
            assert Path(f"/proc/{pid}").stat().st_uid != 0
            listening.extend(line for line in Path("/proc/net/tcp").read_text().splitlines() if ":1538 " in line)

    outcome = verify(done, base, Request("latest", None, is_loaded=True), watch)
    assert outcome.error is None
    found = outcome.findings
    assert (found.files_checked, found.files_total, found.files_bytes) == (10, 10, 30_000)
    assert (found.tables, found.rows) == (2, 30)
    assert found.invariants_held == ["orphans", "has_letters"]
    assert found.has_receipt
    assert found.is_wiped
    assert set(modes.values()) == {0o700}
    assert len(modes) == 2
    assert listening == []


def test_a_sample_restores_the_dump_and_so_many_files(done: House, base: Path) -> None:
    receipt = done.log.kept[-1]
    outcome = verify(done, base, Request(receipt.files_snapshot[:8], 3))
    assert outcome.error is None
    assert (outcome.findings.files_checked, outcome.findings.files_bytes) == (3, 9_000)
    assert outcome.findings.set_run == RUNS[0]


def test_a_damaged_pack_ends_with_13_and_is_wiped(done: House, base: Path) -> None:
    packs = [path for path in (done.repository / "data").rglob("*") if path.is_file()]
    for pack in sorted(packs, key=lambda path: path.stat().st_size)[-2:]:
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 0xFF
        pack.chmod(0o600)
        pack.write_bytes(content)
    outcome = verify(done, base, Request("latest", 10))
    assert isinstance(outcome.error, IntegrityFailure)
    assert outcome.error.exit_code == 13
    assert outcome.findings.is_wiped


def test_a_manifest_that_is_not_the_receipts_ends_with_13(done: House, base: Path) -> None:
    done.log.kept[-1] = done.log.kept[-1].model_copy(update={"manifest_sha256": "0" * 64})
    outcome = verify(done, base, Request("latest", 1))
    assert isinstance(outcome.error, IntegrityFailure)
    assert "not the one the receipt names" in str(outcome.error)


def test_a_broken_invariant_ends_with_14_and_tells_no_row(done: House, base: Path) -> None:
    broken = (
        {"id": "no_letters", "sql": "SELECT count(*) FROM surat", "expect": 0},
        {"id": "a_text", "sql": "SELECT isi FROM surat LIMIT 1", "expect": 0},
        {"id": "writes", "sql": "WITH x AS (DELETE FROM lampiran RETURNING 1) SELECT count(*) FROM x", "expect": 10},
        *INVARIANTS,
    )  # fmt: skip
    outcome = verify(done, base, Request("latest", 0, is_loaded=True), invariants=broken)
    assert isinstance(outcome.error, PolicyBroken)
    assert outcome.error.exit_code == 14
    assert outcome.findings.invariants_broken == ["no_letters", "a_text", "writes"]
    assert outcome.findings.invariants_held == ["orphans", "has_letters"]
    assert "no_letters gave 20, expected 0" in str(outcome.error)
    assert "a_text gave str" in str(outcome.error)
    assert "ReadOnlySqlTransaction" in str(outcome.error)
    assert "surat 0" not in str(outcome.error)
    assert outcome.findings.is_wiped


def test_a_signal_while_the_database_is_up_ends_it_and_wipes(done: House, base: Path) -> None:
    pids: list[int] = []

    def interrupt(text: str) -> None:
        if "as in the manifest" in text:
            folder = base / f"dcops-verify-{ME}-db"
            pids.append(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(0.2)

    before = signal.getsignal(signal.SIGTERM)
    outcome = verify(done, base, Request("latest", 0, is_loaded=True), interrupt)
    assert isinstance(outcome.error, Interrupted)
    assert outcome.findings.is_wiped
    assert not Path(f"/proc/{pids[0]}").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_name_that_is_taken_is_refused_and_left_alone(done: House, base: Path) -> None:
    taken = base / f"dcops-verify-{ME}"
    taken.mkdir()
    with pytest.raises(Refused, match="there already"):
        verify(done, base, Request())
    assert taken.is_dir()
    taken.rmdir()


def test_what_a_killed_run_left_is_swept_and_nothing_else(base: Path) -> None:
    dead, alive = base / f"dcops-verify-{ME}-db", base / f"dcops-verify-{RUNS[0]}A"
    other = base / "dcops-verify-notes"
    link = base / f"dcops-verify-{ME[:-1]}1"
    for path in (dead, alive, other):
        path.mkdir()
    link.symlink_to(other)
    (dead / "data").write_text("restored")
    assert sweep(lambda run: run == ME or run.endswith("1"), base) == (dead.name,)
    assert alive.is_dir()
    assert other.is_dir()
    link.unlink()
    alive.rmdir()
    other.rmdir()

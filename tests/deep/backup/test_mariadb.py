"""Backups of MariaDB and of a SQLite index: real servers, real restic, dumps held against what was there."""

import hashlib
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pymysql
import pytest

from dcops.backup.mariadb import Mariadb
from dcops.backup.model import BackupPolicy, MariadbSource, SqliteSource
from dcops.backup.ports import Database, ThrowawayCluster
from dcops.backup.restic import Restic, ResticAccess
from dcops.backup.scratch import PrivateScratch
from dcops.backup.service import BackupService, Place, Writers
from dcops.backup.sqlite_ssh import SqliteOverSsh
from dcops.backup.ssh import SshTarget
from dcops.backup.ssh_files import SshFileMirror
from dcops.backup.throwaway_mariadb import ThrowawayMariadb
from dcops.backup.throwaway_sqlite import ThrowawaySqlite
from dcops.backup.verify import Outcome, Request, VerifyService
from dcops.core.errors import (
    AuthenticationFailed,
    CommandError,
    DcopsError,
    IntegrityFailure,
    PolicyBroken,
    Unreachable,
)
from dcops.core.words import Environment
from dcops.records.kinds.backup import Receipt
from tests.integration.backup.conftest import KEY, RUNS, MemoryLog, secret_file
from tests.integration.mariadb_server import MariadbServer

pytestmark = pytest.mark.deep


PASSWORD = "canary-mariadb-password"
ME = "01JVERXFY00000000000000000"
SCHEMA = """
create or replace database absensi; use absensi;
create table pegawai (kode varchar(16) primary key, unit text);
create table kehadiran (id int auto_increment primary key, kode varchar(16), waktu datetime(6) default now(6), isi text,
    foreign key (kode) references pegawai (kode));
insert into pegawai values ('P1', 'unit'), ('P2', 'it''s a "unit" \\\\ éü');
insert into kehadiran (kode, isi) select 'P1', repeat('x', 900) from seq_1_to_3000;
"""


def ignore(_: str) -> None:
    """Nobody listens."""


class House:
    """One application with one database source, its repository and the services over them."""

    def __init__(self, tmp: Path, policy: dict[str, object]) -> None:
        self.tmp, self.log = tmp, MemoryLog()
        repository = {
            "name": "offsite",
            "url": str(tmp / "repository"),
            "password": "file:key",
            "create_if_missing": True,
        }
        self.document = {"application": "absensi", "max_age": {"value": "26h"}, "repository": repository, **policy}

    def policy(self, **changes: object) -> BackupPolicy:
        return BackupPolicy.model_validate({**self.document, **changes})

    def restic(self) -> Restic:
        return Restic(ResticAccess(str(self.tmp / "repository"), secret_file(self.tmp, "key", KEY), self.tmp / "cache"))

    def run(self, database: Database, number: int = 0, mirror: SshFileMirror | None = None) -> Receipt:
        restic = self.restic()
        service = BackupService(self.policy(), Place(Environment.SCRATCH, "jkt", "rev"), restic, self.log)
        return service.run(Writers(database, mirror, restic), RUNS[number], ignore)

    def verify(self, base: Path, cluster: type[ThrowawayMariadb] | ThrowawayCluster, **changes: object) -> Outcome:
        restic, policy = self.restic(), self.policy(**changes)
        backups = BackupService(policy, Place(Environment.SCRATCH, "jkt", "rev"), restic, self.log)
        scratch = PrivateScratch(ME, base)
        with scratch.opened():
            made = cluster(scratch.cluster_folder) if isinstance(cluster, type) else cluster
            return VerifyService(policy, backups, restic, self.log).verify(
                Request("latest", None, is_loaded=True), scratch, made, ME, ignore
            )


@pytest.fixture
def base() -> Iterator[Path]:
    """A short path that every account can pass through, empty again at the end of the test."""
    folder = Path(tempfile.mkdtemp(prefix="dv-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    folder.rmdir()


@pytest.fixture
def absensi(mariadb: MariadbServer, tmp_path: Path) -> House:
    mariadb.sql(SCHEMA)
    mariadb.sql(
        f"create or replace user cadangan@'127.0.0.1' identified by '{PASSWORD}' require ssl;"
        "grant select, lock tables, show view, trigger on absensi.* to cadangan@'127.0.0.1'"
    )
    database = {"id": "database", "kind": "mariadb", "device": "db1", "port": mariadb.port, "database": "absensi",
                "user": "cadangan", "password": "file:db",
                "newest": {"table": "kehadiran", "column": "waktu"}}  # fmt: skip
    return House(tmp_path, {"database": database, "minimum_size": 1000})


def server(house: House, mariadb: MariadbServer, password: str = PASSWORD) -> Mariadb:
    source = house.policy().database
    assert isinstance(source, MariadbSource)
    return Mariadb(source, "127.0.0.1", secret_file(house.tmp, f"db-{len(password)}", password), mariadb.certificate)


def test_a_dump_is_one_moment_while_others_write_and_loads_as_the_manifest_says(
    absensi: House, mariadb: MariadbServer, base: Path
) -> None:
    stop, waited, seen = threading.Event(), [0.0], []

    def write() -> None:
        with pymysql.connect(unix_socket=str(mariadb.socket), user="root", database="absensi", autocommit=True) as each:
            while not stop.is_set():
                began = time.monotonic()
                each.cursor().execute("insert into kehadiran (kode) values ('P2')")
                waited[0] = max(waited[0], time.monotonic() - began)

    def look() -> None:
        while not stop.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    seen.append((process / "cmdline").read_bytes() + (process / "environ").read_bytes())
                except OSError:
                    continue

    threads = [threading.Thread(target=each) for each in (write, look)]
    for thread in threads:
        thread.start()
    try:
        receipt = absensi.run(server(absensi, mariadb))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert any(b"mariadb-dump" in text for text in seen)
    assert not any(PASSWORD.encode() in text for text in seen)
    assert receipt.rows["kehadiran"] >= 3000
    assert int(mariadb.sql("select count(*) from kehadiran", "absensi")) > receipt.rows["kehadiran"]
    assert waited[0] < 10
    outcome = absensi.verify(base, ThrowawayMariadb, invariants=[
        {"id": "orphans", "expect": 0,
         "sql": "SELECT count(*) FROM kehadiran WHERE kode NOT IN (SELECT kode FROM pegawai)"},
        {"id": "text_is_kept", "expect": 1,
         "sql": "SELECT count(*) FROM pegawai WHERE unit = 'it''s a \"unit\" \\\\ éü'"},
    ])  # fmt: skip
    assert outcome.error is None
    assert outcome.findings.engine.startswith("MariaDB ")
    assert outcome.findings.rows == sum(receipt.rows.values())
    assert outcome.findings.invariants_held == ["orphans", "text_is_kept"]
    broken = absensi.verify(base, ThrowawayMariadb, invariants=[
        {"id": "none", "expect": 0, "sql": "SELECT count(*) FROM kehadiran"},
        {"id": "writes", "expect": 0, "sql": "SELECT 1 INTO OUTFILE '/tmp/dcops-leak'"},
    ])  # fmt: skip
    assert isinstance(broken.error, PolicyBroken)
    assert broken.findings.invariants_broken == ["none", "writes"]
    assert not Path("/tmp/dcops-leak").exists()


def test_a_failing_and_an_empty_dump_leave_no_snapshot(absensi: House, mariadb: MariadbServer) -> None:
    absensi.run(server(absensi, mariadb))
    before = {each.id for each in absensi.restic().snapshots()}
    mariadb.sql("create view rusak as select * from pegawai; drop table kehadiran; drop table pegawai", "absensi")
    with pytest.raises((CommandError, DcopsError)) as failed:
        absensi.run(server(absensi, mariadb), 1)
    assert PASSWORD not in str(failed.value)
    mariadb.sql("create or replace database absensi; use absensi; create table kehadiran (waktu datetime(6))")
    absensi.document["minimum_size"] = 100_000
    with pytest.raises(PolicyBroken, match="policy asks for 100000"):
        absensi.run(server(absensi, mariadb), 2)
    assert {each.id for each in absensi.restic().snapshots()} == before
    assert list((absensi.tmp / "repository/locks").iterdir()) == []
    assert [each.status for each in absensi.log.kept] == ["done", "failed", "failed"]


def test_a_dump_without_its_last_line_is_a_failure(
    absensi: House, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = absensi.tmp / "bin/mariadb-dump"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n/usr/bin/mariadb-dump "$@" | head -c 200000\nexit 0\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/sbin:/usr/bin:/sbin:/bin")
    with pytest.raises(CommandError, match="lacks its last line"):
        absensi.run(server(absensi, mariadb))
    assert absensi.restic().snapshots() == []


def test_a_wrong_password_and_a_stopped_server_are_told_apart(absensi: House, mariadb: MariadbServer) -> None:
    with pytest.raises(AuthenticationFailed, match="MariaDB refuses the account cadangan"):
        absensi.run(server(absensi, mariadb, "wrong"))
    mariadb.stop()
    try:
        with pytest.raises(Unreachable, match="MariaDB does not answer"):
            absensi.run(server(absensi, mariadb))
    finally:
        mariadb.start()
    assert not (absensi.tmp / "repository").exists()


def test_a_table_that_stays_locked_ends_the_run(
    absensi: House, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcops.backup.mariadb._LOCK_SECONDS", 1)
    with pymysql.connect(unix_socket=str(mariadb.socket), user="root", database="absensi") as open_one:
        open_one.cursor().execute("insert into kehadiran (kode) values ('P1')")
        with pytest.raises(DcopsError, match="could not be locked within 1 s"):
            absensi.run(server(absensi, mariadb))
        open_one.rollback()


@pytest.fixture
def kearsipan(tmp_path: Path, ssh_server: SshTarget) -> House:
    content = b"document"
    digest = hashlib.sha256(content).hexdigest()
    stored = tmp_path / "arsip" / digest[:2] / digest
    stored.parent.mkdir(parents=True)
    stored.write_bytes(content)
    with closing(sqlite3.connect(tmp_path / "indeks.db")) as connection, connection:
        connection.execute("create table arsip (id text, surat_id text, sha256 text, diarsipkan_pada text)")
        row = ("1", "letter", digest, "2026-11-24T04:00:00.000000Z")
        connection.execute("insert into arsip values (?, ?, ?, ?)", row)
    return House(tmp_path, {
        "database": {"id": "index", "kind": "sqlite_over_ssh", "device": "app1", "database": "kearsipan",
                     "path": str(tmp_path / "indeks.db"), "newest": {"table": "arsip", "column": "diarsipkan_pada"},
                     "references": {"table": "arsip", "column": "sha256", "owner": "surat_id"}},
        "files": {"id": "documents", "kind": "files_over_ssh", "device": "app1", "path": str(tmp_path / "arsip")},
    })  # fmt: skip


def test_an_index_is_copied_whole_and_its_files_must_be_there(
    kearsipan: House, ssh_server: SshTarget, base: Path
) -> None:
    source = kearsipan.policy().database
    assert isinstance(source, SqliteSource)
    mirror = SshFileMirror(ssh_server, str(kearsipan.tmp / "arsip"), kearsipan.tmp / "mirror")
    index = SqliteOverSsh(source, ssh_server)
    with closing(sqlite3.connect(kearsipan.tmp / "indeks.db")) as writer:
        # A writer at work is no reason to fail, and what it has not committed is left out.
        writer.execute("begin immediate")
        writer.execute("insert into arsip values ('2', 'letter', 'x', '2026-11-24T05:00:00Z')")
        receipt = kearsipan.run(index, 0, mirror)
        writer.rollback()
    assert (receipt.rows, receipt.file_count) == ({"arsip": 1}, 1)
    outcome = kearsipan.verify(base, ThrowawaySqlite(), invariants=[
        {"id": "one", "sql": "SELECT count(*) FROM arsip", "expect": 1},
        {"id": "writes", "sql": "WITH x AS (SELECT 1) INSERT INTO arsip SELECT 1, 2, 3, 4 RETURNING 1", "expect": 1},
    ])  # fmt: skip
    assert outcome.findings.engine.startswith("SQLite ")
    assert outcome.links == {("letter", hashlib.sha256(b"document").hexdigest())}
    assert (outcome.findings.invariants_held, outcome.findings.invariants_broken) == (["one"], ["writes"])
    next((kearsipan.tmp / "arsip").rglob("*/*")).unlink()
    with pytest.raises(IntegrityFailure, match="1 files named by rows are not there"):
        kearsipan.run(index, 1, SshFileMirror(ssh_server, str(kearsipan.tmp / "arsip"), kearsipan.tmp / "mirror2"))
    (kearsipan.tmp / "indeks.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(DcopsError, match=r"cannot be copied: .*not a database"):
        kearsipan.run(index, 2, mirror)
    (kearsipan.tmp / "indeks.db").unlink()
    with pytest.raises(DcopsError, match=r"cannot be copied: .*No such file"):
        kearsipan.run(index, 3, mirror)

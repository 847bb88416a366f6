"""WAL archiving and recovery to a moment, with a real PostgreSQL and a real pgBackRest on this host."""

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from dcops.backup.archive import look
from dcops.backup.model import BackupPolicy
from dcops.backup.pgbackrest import Here, Pgbackrest
from dcops.backup.postgresql import Postgresql
from dcops.core.errors import DcopsError, IntegrityFailure, PolicyBroken, Refused, Unreachable
from dcops.core.secrets import Secret
from dcops.records.kinds.backup_wal import WalReceipt

from .conftest import free_port, postgresql_programs

STANZA = "naskah"


@dataclass
class Archived:
    """A cluster that archives into a repository, both in one folder that `postgres` owns."""

    programs: Path
    base: Path
    port: int

    @property
    def config(self) -> Path:
        return self.base / "pgbackrest.conf"

    @property
    def data(self) -> Path:
        return self.base / "data"

    def control(self, data: Path, port: int, *words: str) -> None:
        options = f"-p {port} -k {self.base} -c listen_addresses=127.0.0.1"
        argv = ["runuser", "-u", "postgres", "--", str(self.programs / "pg_ctl"), "-D", str(data), "-w", "-l",
                str(self.base / "log.txt"), "-o", options, *words]  # fmt: skip
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def connect(self, port: int | None = None) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.base), port=port or self.port, dbname="postgres", user="postgres",
                               autocommit=True)  # fmt: skip

    def value(self, statement: str, port: int | None = None) -> object:
        with self.connect(port) as connection:
            row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]

    def execute(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def stanza(self, name: str = STANZA, config: Path | None = None) -> Pgbackrest:
        return Pgbackrest(name, Here(), str(config or self.config), "bkp1/wal")

    def server(self) -> Postgresql:
        return Postgresql(self.policy().database, "127.0.0.1", Secret("", "file:db"))

    def policy(self, limit: str | None = "5m") -> BackupPolicy:
        return BackupPolicy.model_validate({
            "application": "naskah", "max_age": {}, "repository": {"name": "r", "url": "/r", "password": "file:key"},
            "database": {"id": "database", "kind": "postgresql", "device": "db1", "port": self.port,
                         "database": "postgres", "user": "postgres", "password": "file:db"},
            "wal": {"tool": "pgbackrest", "stanza": STANZA, "reader": "db2", "repository": "bkp1/wal",
                    "max_exposure": {"value": limit} if limit else {}}})  # fmt: skip

    def look(self, repository: Pgbackrest | None = None) -> tuple[WalReceipt, DcopsError | None]:
        policy = self.policy()
        assert policy.wal is not None
        return look(policy, policy.wal, self.server(), repository or self.stanza(), datetime.now(UTC))

    def archive(self, statement: str = "SELECT last_archived_wal >= %s FROM pg_stat_archiver") -> str:
        """Switch the segment and wait until the archiver has dealt with it; give its name."""
        with self.connect() as connection:
            connection.execute("SELECT pg_logical_emit_message(true, 'test', 'x')")
            row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert row is not None
            for _ in range(600):
                done = connection.execute(statement.encode(), (row[0],)).fetchone()
                if done and done[0]:
                    return str(row[0])
                time.sleep(0.1)
        raise AssertionError("the archiver did nothing for a minute")

    def set_command(self, command: str) -> None:
        self.execute(f"ALTER SYSTEM SET archive_command = '{command}'", "SELECT pg_reload_conf()")

    @property
    def good_command(self) -> str:
        return f"pgbackrest --config={self.config} --stanza={STANZA} archive-push %p"

    def other_repository(self) -> Path:
        """Give a configuration whose repository is a copy of ours, to be damaged."""
        other = Path(tempfile.mkdtemp(prefix="copy-", dir=self.base))
        shutil.copytree(self.base / "repo", other / "repo")
        config = other / "pgbackrest.conf"
        config.write_text(self.config.read_text().replace(f"{self.base}/repo", f"{other}/repo"))
        subprocess.run(["chown", "-R", "postgres:", str(other)], check=True)
        return config


@pytest.fixture(scope="module")
def archived() -> Iterator[Archived]:
    programs = postgresql_programs()
    if shutil.which("pgbackrest") is None:
        pytest.skip("needs pgbackrest")
    base = Path(tempfile.mkdtemp(prefix="dcops-wal-"))
    made = Archived(programs, base, free_port())
    made.config.write_text(
        f"[global]\nrepo1-path={base}/repo\nlog-path={base}\nlock-path={base}/lock\nspool-path={base}/spool\n"
        f"log-level-file=off\ncompress-type=lz4\nrepo1-retention-full=2\narchive-timeout=20\n"
        f"[{STANZA}]\npg1-path={made.data}\npg1-socket-path={base}\npg1-port={made.port}\n"
    )
    shutil.chown(base, "postgres", "postgres")
    argv = ["runuser", "-u", "postgres", "--", str(programs / "initdb"), "-D", str(made.data), "-U", "postgres",
            "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]  # fmt: skip
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd="/")
    with (made.data / "postgresql.conf").open("a") as settings:
        settings.write("archive_mode = on\narchive_timeout = 60\nfsync = off\n")
        settings.write(f"archive_command = '{made.good_command}'\n")
    made.control(made.data, made.port, "start")
    try:
        subprocess.run(made.stanza().argv(["stanza-create"]), check=True, cwd="/")
        made.stanza().backup("full")
        time.sleep(1.1)  # pgBackRest keeps a backup's end in whole seconds; a moment in that second is before it
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            made.control(made.data, made.port, "-m", "immediate", "stop")
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def working(archived: Archived) -> Iterator[Archived]:
    """The same; whatever a test does to its archive command is undone."""
    yield archived
    archived.set_command(archived.good_command)
    archived.archive()


def test_a_dropped_table_comes_back_as_of_the_moment_before(archived: Archived) -> None:
    archived.execute("CREATE TABLE surat (id int)", "INSERT INTO surat SELECT generate_series(1, 1000)")
    archived.execute("INSERT INTO surat VALUES (1001)")
    moment = archived.value("SELECT clock_timestamp()")
    assert isinstance(moment, datetime)
    archived.execute("INSERT INTO surat VALUES (1002)", "DROP TABLE surat")
    archived.archive()
    target, port = archived.base / "restored", free_port()
    archived.stanza().restore(str(target), moment)
    archived.control(target, port, "start")
    try:
        deadline = time.monotonic() + 60
        while archived.value("SELECT pg_is_in_recovery()", port) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert archived.value("SELECT max(id) FROM surat", port) == 1001
        assert archived.value("SELECT count(*) FROM surat", port) == 1001
    finally:
        archived.control(target, port, "-m", "immediate", "stop")
    assert archived.value("SELECT to_regclass('surat') IS NULL") is True
    with pytest.raises(Refused, match="not empty") as caught:
        archived.stanza().restore(str(target), moment)
    assert caught.value.exit_code == 7


def test_a_moment_before_the_first_backup_is_refused(archived: Archived) -> None:
    with pytest.raises(DcopsError, match="no base backup is old enough"):
        archived.stanza().restore(str(archived.base / "early"), datetime(2026, 1, 1, tzinfo=UTC))
    assert not (archived.base / "early").exists()


def test_a_working_archive_passes_and_says_what_may_be_lost(archived: Archived) -> None:
    segment = archived.archive()
    found, error = archived.look()
    assert (found.status, error) == ("pass", None)
    assert found.exposure_seconds == 60
    assert found.last_archived_wal >= segment
    assert found.wal_max >= segment
    assert (found.backups, found.missing_count) == (1, 0)


def test_archiving_that_fails_has_its_own_message(working: Archived) -> None:
    working.set_command("/bin/false")
    segment = working.archive("SELECT last_failed_wal >= %s FROM pg_stat_archiver")
    found, error = working.look()
    assert (found.status, error) == ("fail", None)
    assert found.reason.startswith(f"archiving fails: {segment} could not be archived")
    with pytest.raises(PolicyBroken, match="does not call pgBackRest"):
        Pgbackrest(STANZA, Here(), str(working.config), "bkp1/wal").check()


def test_an_archive_command_that_lies_is_seen(working: Archived) -> None:
    """`/bin/true` makes the server believe that everything is archived."""
    working.set_command("/bin/true")
    segment = working.archive()
    found, _ = working.look()
    assert found.status == "fail"
    assert f"the server says it archived {segment}, and the repository does not have it" in found.reason


def test_a_missing_segment_is_seen(archived: Archived) -> None:
    for _ in range(3):
        archived.archive()
    config = archived.other_repository()
    segments = sorted((config.parent / "repo" / "archive").rglob("0000*-*"))
    segments[-2].unlink()
    found, error = archived.look(archived.stanza(config=config))
    assert found.status == "fail"
    assert segments[-2].name[:24] in found.missing
    assert isinstance(error, IntegrityFailure)
    assert error.exit_code == 13


def test_a_stanza_that_is_not_there_restores_nothing(archived: Archived) -> None:
    other = f"other-{secrets.token_hex(3)}"
    found, _ = archived.look(archived.stanza(other))
    assert found.status == "fail"
    assert "no base backup" in found.reason
    with pytest.raises(DcopsError, match="no base backup"):
        archived.stanza(other).restore(str(archived.base / "none"), datetime.now(UTC))


def test_without_its_repository_the_server_still_tells(archived: Archived) -> None:
    config = archived.base / "nowhere.conf"
    config.write_text(archived.config.read_text().replace(f"repo1-path={archived.base}/repo",
                      "repo1-host=127.0.0.1\nrepo1-host-type=tls\nrepo1-host-port=" + str(free_port())
                      + f"\nrepo1-host-ca-file={archived.config}\nrepo1-host-cert-file={archived.config}"
                      + f"\nrepo1-host-key-file={archived.config}"))  # fmt: skip
    segment = archived.archive()
    found, _ = archived.look(archived.stanza(config=config))
    assert found.status == "fail"
    assert "pgBackRest: [" in found.reason  # its own word for why, such as [HostConnectError]
    assert found.last_archived_wal >= segment


def test_a_server_that_is_down_is_unreachable_and_recorded(archived: Archived) -> None:
    policy = archived.policy()
    assert policy.wal is not None
    source = policy.database.model_copy(update={"port": free_port()})
    nobody = Postgresql(source, "127.0.0.1", Secret("", "file:db"))
    found, error = look(policy, policy.wal, nobody, archived.stanza(), datetime.now(UTC))
    assert isinstance(error, Unreachable)
    assert (found.status, found.exit_code) == ("fail", 5)

"""The adapters a recovery uses, on a real cluster, a real repository and a real SSH server."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcops.core.errors import AuthenticationFailed, CommandError, DcopsError, IntegrityFailure, Refused, Unreachable
from dcops.core.secrets import Secret
from dcops.drills.model import RecoveryPoint
from dcops.drills.postgresql import PostgresqlServers, ServerAccess
from dcops.wiring.bridges import ResticRecovery, SshHosts
from tests.integration.backup.conftest import DATABASE_PASSWORD, House
from tests.integration.backup.test_backup_run import flip_a_byte


def access_of(house: House, password: str = DATABASE_PASSWORD) -> ServerAccess:
    return ServerAccess("127.0.0.1", house.cluster.port, "naskah", Secret(password, "file:db"))


@pytest.fixture
def servers(done: House) -> PostgresqlServers:
    return PostgresqlServers(lambda _: access_of(done))


@pytest.fixture
def target(done: House, servers: PostgresqlServers) -> Iterator[str]:
    """An empty database with the comment of a run, as a drill makes it."""
    name = f"dcops_{secrets.token_hex(4)}"
    servers.create("db1", name, "made by a test")
    yield name
    with contextlib.suppress(DcopsError):
        servers.drop("db1", name)


@pytest.fixture
def recovery(done: House) -> ResticRecovery:
    restic = done.restic(is_lock_free=True)
    return ResticRecovery(lambda _: done.service(restic), restic, lambda _: done.target, lambda _: access_of(done))


@pytest.fixture
def point(done: House, recovery: ResticRecovery) -> RecoveryPoint:
    found = recovery.newest("naskah")
    assert found is not None
    return found


def ignore(_: str) -> None:
    return None


def rows(servers: PostgresqlServers, name: str) -> int:
    tables = servers.query("db1", name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    return int(servers.query("db1", name, "SELECT count(*) FROM surat")[0][0]) if tables[0][0] else 0


def test_a_recovery_point_comes_back_whole(
    done: House, recovery: ResticRecovery, servers: PostgresqlServers, target: str, point: RecoveryPoint
) -> None:
    recovery.load_database(point, "db1", target, ignore)
    assert rows(servers, target) == point.rows["surat"] == 20
    folder = done.tmp / "restored"
    folder.mkdir()
    recovery.restore_files(point, "app1", str(folder), "root", ignore)
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names == {file.sha256 for file in point.files}
    assert list((done.repository / "locks").iterdir()) == []


def test_a_damaged_copy_commits_nothing(
    done: House, recovery: ResticRecovery, servers: PostgresqlServers, target: str, point: RecoveryPoint
) -> None:
    flip_a_byte(done.repository)
    with pytest.raises((IntegrityFailure, CommandError)):
        recovery.load_database(point, "db1", target, ignore)
    assert rows(servers, target) == 0


def test_a_dump_that_is_not_the_manifests_is_refused(
    recovery: ResticRecovery, target: str, point: RecoveryPoint
) -> None:
    with pytest.raises(IntegrityFailure, match="not the one the manifest names"):
        recovery.load_database(point.model_copy(update={"dump_sha256": "0" * 64}), "db1", target, ignore)


def test_databases_are_made_commented_renamed_and_dropped(servers: PostgresqlServers, target: str) -> None:
    assert target in servers.names("db1")
    assert servers.comment("db1", target) == "made by a test"
    with pytest.raises(Refused, match="is there already"):
        servers.create("db1", target, "again")
    servers.rename("db1", target, f"{target}_b")
    assert servers.comment("db1", f"{target}_b") == "made by a test"
    assert servers.comment("db1", target) is None
    servers.drop("db1", f"{target}_b")
    servers.drop("db1", f"{target}_b")
    assert target not in servers.names("db1")


def test_a_database_is_dropped_with_its_sessions(servers: PostgresqlServers, done: House, target: str) -> None:
    with done.cluster.connect(target):
        servers.drop("db1", target)
    assert target not in servers.names("db1")


def test_a_reading_query_cannot_write(servers: PostgresqlServers, done: House) -> None:
    with pytest.raises(DcopsError, match="read-only transaction"):
        servers.query("db1", done.database, "DELETE FROM surat RETURNING 1")


def test_a_server_that_is_gone_or_refuses_is_named_without_the_password(done: House) -> None:
    wrong = PostgresqlServers(lambda _: access_of(done, "canary-wrong"))
    with pytest.raises(AuthenticationFailed) as caught:
        wrong.names("db1")
    assert "canary" not in str(caught.value)
    gone = PostgresqlServers(lambda _: ServerAccess("127.0.0.1", 1, "naskah", Secret("canary-wrong", "file:db")))
    with pytest.raises(Unreachable, match="db1"):
        gone.names("db1")


def test_files_are_copied_between_hosts(done: House, tmp_path: Path) -> None:
    hosts = SshHosts(lambda _: done.target)
    source = next(path for path in done.source.rglob("*") if path.is_file())
    name = f"{source.parent.name}/{source.name}"
    content = source.read_bytes()
    assert hosts.copy("app1", "app1", str(done.source), [name], "root") > len(content)
    assert source.read_bytes() == content
    assert hosts.status("app1", ["test", "-f", str(source)]) == 0
    assert hosts.status("app1", ["false"]) == 1

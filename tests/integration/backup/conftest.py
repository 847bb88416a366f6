"""Debian's PostgreSQL, restic on a folder, and an SSH server on loopback, all real and made for these tests."""

import contextlib
import getpass
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from dcops.backup.model import BackupPolicy, DatabaseSource, KnownReceipts
from dcops.backup.postgresql import Postgresql
from dcops.backup.restic import Restic, ResticAccess
from dcops.backup.service import BackupService, Place, Writers
from dcops.backup.ssh import SshTarget
from dcops.backup.ssh_files import SshFileMirror
from dcops.core.secrets import Secret
from dcops.core.words import Environment
from dcops.records.kinds.backup import Receipt

KEY = "canary-repository-key"
DATABASE_PASSWORD = "canary-database-password"
RUNS = [f"01JDRC0000000000000000000{digit}" for digit in "ABCDEFGHJK"]

SCHEMA = """
CREATE TABLE surat (
    id uuid PRIMARY KEY, isi text NOT NULL, diterima_pada timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE lampiran (
    sha256 text, surat_id uuid REFERENCES surat (id), nama text, ukuran bigint, PRIMARY KEY (sha256, surat_id)
);
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    programs: Path
    folder: Path
    port: int

    def control(self, *words: str) -> None:
        argv = ["runuser", "-u", "postgres", "--", str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-w",
                "-l", str(self.folder / "log"), *words]  # fmt: skip
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self) -> None:
        self.control("-o", f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self.folder}", "start")

    def stop(self) -> None:
        self.control("-m", "immediate", "stop")

    def connect(self, database: str = "postgres", user: str = "naskah") -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host="127.0.0.1", port=self.port, dbname=database, user=user,
                               password=DATABASE_PASSWORD, autocommit=True)  # fmt: skip


def postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or os.geteuid() != 0:
        pytest.skip("needs root and Debian's postgresql package")
    return found[-1].parent


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = postgresql_programs()
    folder = Path(tempfile.mkdtemp(prefix="dcops-pg-"))
    shutil.chown(folder, "postgres", "postgres")
    password = folder / "password"
    password.write_text(DATABASE_PASSWORD)
    password.chmod(0o644)
    argv = ["runuser", "-u", "postgres", "--", str(programs / "initdb"), "-D", str(folder / "data"), "-U", "naskah",
            "--auth=scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8"]  # fmt: skip
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    made = Cluster(programs, folder, free_port())
    made.start()
    yield made
    with contextlib.suppress(subprocess.CalledProcessError):
        made.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """A fresh database with the tables of letters and attachments."""
    name = f"naskah_{secrets.token_hex(4)}"
    with cluster.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with cluster.connect(name) as connection:
        connection.execute(SCHEMA)
    yield name
    with cluster.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def ssh_server() -> Iterator[SshTarget]:
    """A real sshd on loopback that lets this account in by a key made here; its host key is known."""
    if shutil.which("sshd") is None:
        pytest.skip("needs openssh-server")
    folder = Path(tempfile.mkdtemp(prefix="dcops-ssh-"))
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port = free_port()
    shutil.copy(folder / "user.pub", folder / "authorized")
    config = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host", "PermitRootLogin yes",
              f"AuthorizedKeysFile {folder}/authorized", "PasswordAuthentication no", "UsePAM no", "StrictModes no",
              f"PidFile {folder}/pid"]  # fmt: skip
    (folder / "sshd_config").write_text("\n".join(config) + "\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen(
        [str(shutil.which("sshd")), "-D", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL
    )
    for _ in range(50):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.1)
    host_key = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host_key[0]} {host_key[1]}\n")
    (folder / "ssh_config").write_text(f"Host 127.0.0.1\n  Port {port}\n")
    yield SshTarget("app1", "127.0.0.1", getpass.getuser(), folder / "known", folder / "user", folder / "ssh_config")
    server.terminate()
    server.wait()
    shutil.rmtree(folder)


@dataclass
class MemoryLog:
    """The receipt log of the port, in memory."""

    ids: dict[str, str] = field(default_factory=dict)
    kept: list[Receipt] = field(default_factory=list)

    def enrolled(self, repository: str) -> str | None:
        return self.ids.get(repository)

    def enrol(self, repository: str, repository_id: str, run: str) -> None:
        self.ids[repository] = repository_id

    def add(self, receipt: Receipt, run: str) -> None:
        self.kept.append(receipt)

    def receipts(self, application: str) -> list[Receipt]:
        return [receipt for receipt in self.kept if receipt.application == application]

    def everywhere(self, application: str) -> KnownReceipts:
        return KnownReceipts(receipts=tuple(("memory", receipt) for receipt in self.receipts(application)))


def secret_file(folder: Path, name: str, value: str) -> Secret:
    path = folder / name
    path.write_text(value)
    path.chmod(0o600)
    return Secret(value, f"file:{name}", path)


@dataclass
class House:
    """One application with its sources, its repository and the service over them."""

    tmp: Path
    cluster: Cluster
    database: str
    target: SshTarget
    source: Path
    log: MemoryLog = field(default_factory=MemoryLog)

    @property
    def repository(self) -> Path:
        return self.tmp / "repository"

    def policy(self, **changes: object) -> BackupPolicy:
        return BackupPolicy.model_validate({
            "application": "naskah", "max_age": {"value": "26h"},
            "repository": {"name": "offsite", "url": str(self.repository), "password": "file:key",
                           "create_if_missing": True},
            "database": {"id": "database", "kind": "postgresql", "device": "db1", "port": self.cluster.port,
                         "database": self.database, "user": "naskah", "password": "file:db",
                         "newest": {"table": "surat", "column": "diterima_pada"},
                         "references": {"table": "lampiran", "column": "sha256"}},
            "files": {"id": "attachments", "kind": "files_over_ssh", "device": "app1", "path": str(self.source)},
            **changes})  # fmt: skip

    def restic(self, key: str = KEY, **changes: object) -> Restic:
        password = secret_file(self.tmp, f"key-{len(key)}", key)
        return Restic(ResticAccess(str(self.repository), password, self.tmp / "cache", **changes))  # type: ignore[arg-type]

    def postgresql(self, source: DatabaseSource | None = None) -> Postgresql:
        password = secret_file(self.tmp, "db", DATABASE_PASSWORD)
        return Postgresql(source or self.policy().postgresql, "127.0.0.1", password)

    def service(self, restic: Restic | None = None, **changes: object) -> BackupService:
        place = Place(Environment.SCRATCH, "jkt", "rev")
        return BackupService(self.policy(**changes), place, restic or self.restic(), self.log)

    def writers(self, restic: Restic | None = None, database: object = None) -> Writers:
        mirror = SshFileMirror(self.target, str(self.source), self.tmp / "mirror")
        return Writers(database or self.postgresql(), mirror, restic or self.restic())  # type: ignore[arg-type]

    def run(self, number: int = 0, report: object = None) -> Receipt:
        restic = self.restic()
        return self.service(restic).run(self.writers(restic), RUNS[number], report or (lambda _: None))  # type: ignore[arg-type]

    def letter(self, text: str, attachment: bytes | None = None) -> datetime:
        with self.cluster.connect(self.database) as connection:
            row = connection.execute(
                "INSERT INTO surat (id, isi) VALUES (gen_random_uuid(), %s) RETURNING id, diterima_pada", (text,)
            ).fetchone()
            assert row is not None
            if attachment is not None:
                digest = hashlib.sha256(attachment).hexdigest()
                path = self.source / digest[:2] / digest
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(attachment)
                connection.execute(
                    "INSERT INTO lampiran VALUES (%s, %s, 'a.pdf', %s)", (digest, row[0], len(attachment))
                )
        assert isinstance(row[1], datetime)
        return row[1]


def fill(house: House) -> House:
    house.source.mkdir()
    for number in range(20):
        house.letter(f"surat {number} " + secrets.token_hex(200), secrets.token_bytes(3000) if number % 2 else None)
    return house


@pytest.fixture
def house(tmp_path: Path, cluster: Cluster, database: str, ssh_server: SshTarget) -> House:
    """An application with 20 letters, 10 of them with a file, and no backup yet."""
    return fill(House(tmp_path, cluster, database, ssh_server, tmp_path / "lampiran"))


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, ssh_server: SshTarget) -> House:
    """The same with its first backup, made once: each call of restic costs half a second for its key alone."""
    tmp = tmp_path_factory.mktemp("stored")
    with cluster.connect() as connection:
        connection.execute("CREATE DATABASE naskah_stored")
    with cluster.connect("naskah_stored") as connection:
        connection.execute(SCHEMA)
    made = fill(House(tmp, cluster, "naskah_stored", ssh_server, tmp / "lampiran"))
    made.run(0)
    return made


@pytest.fixture
def done(stored: House, tmp_path: Path) -> House:
    """A copy of `stored` with a repository of its own; its database and files are shared, so leave them alone."""
    for name in ("repository", "mirror"):
        shutil.copytree(stored.tmp / name, tmp_path / name)
    log = MemoryLog(dict(stored.log.ids), list(stored.log.kept))
    return House(tmp_path, stored.cluster, stored.database, stored.target, stored.source, log)

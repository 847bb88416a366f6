"""Debian's own PostgreSQL, started for these tests, and the application served by its real gunicorn settings."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

APPLICATION = Path(__file__).parents[3] / "playbooks/roles/naskah/files"
PASSWORD = "canary-database-password"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or os.geteuid() != 0:
        pytest.skip("needs root and Debian's postgresql package")
    return found[-1].parent


def make_certificate(folder: Path, name: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=IP:{address},DNS:{name}",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@dataclass
class Cluster:
    """A PostgreSQL cluster with the role and database `naskah`, reached over TLS with a password."""

    programs: Path
    folder: Path
    port: int
    certificate: Path

    def control(self, *arguments: str) -> None:
        command = ["runuser", "-u", "postgres", "--", str(self.programs / "pg_ctl"), "-D", str(self.folder / "data")]
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        self.control("-w", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        self.control("-m", mode, "-w", "stop")

    def postmaster(self) -> int:
        return int((self.folder / "data/postmaster.pid").read_text().splitlines()[0])

    def sql(self, statement: str, database: str = "naskah") -> str:
        command = ["runuser", "-u", "postgres", "--", str(self.programs / "psql"), "-h", str(self.folder)]
        command += ["-p", str(self.port), "-d", database, "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = postgresql_programs()
    folder = Path(tempfile.mkdtemp(prefix="naskah-pg-", dir="/tmp"))
    certificate, key = make_certificate(folder, "server")
    shutil.chown(folder, "postgres", "postgres")
    for path in (certificate, key):
        shutil.chown(path, "postgres", "postgres")
    key.chmod(0o600)
    made = Cluster(programs, folder, free_port(), certificate)
    subprocess.run(
        [
            "runuser",
            "-u",
            "postgres",
            "--",
            str(programs / "initdb"),
            "-D",
            str(folder / "data"),
            "-A",
            "peer",
            "--no-sync",
            "-E",
            "UTF8",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
    (folder / "data/postgresql.auto.conf").write_text(
        f"listen_addresses='127.0.0.1'\nport={made.port}\nunix_socket_directories='{folder}'\n"
        f"ssl=on\nssl_cert_file='{certificate}'\nssl_key_file='{key}'\n"
    )
    (folder / "data/pg_hba.conf").write_text(
        "local all postgres peer\nhostssl naskah naskah 127.0.0.1/32 scram-sha-256\n"
    )
    made.start()
    made.sql(f"create role naskah login password '{PASSWORD}'", "postgres")
    made.sql("create database naskah owner naskah", "postgres")
    yield made
    made.stop()
    shutil.rmtree(folder)


@dataclass
class Site:
    """The application, served over HTTPS by gunicorn as on a node."""

    cluster: Cluster
    folder: Path
    port: int
    certificate: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    def run(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300)

    def start(self) -> None:
        config = APPLICATION / "naskah/gunicorn.conf.py"
        command = [sys.executable, "-m", "gunicorn", "--config", str(config), "naskah.web:create_app()"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stderr=log, stdout=log)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(15)

    def call(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        context = ssl.create_default_context(cafile=str(self.certificate))
        call = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}", body, {"Content-Type": kind}, method=method
        )
        try:
            with urllib.request.urlopen(call, timeout=20, context=context) as answer:
                return answer.status, _decoded(answer)
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error)

    def send(self, letter: dict[str, str], files: dict[str, bytes] | None = None) -> tuple[int, Any]:
        if not files:
            return self.call("POST", "/surat", json.dumps(letter).encode())
        boundary = uuid.uuid4().hex
        parts = [_part(boundary, 'name="surat"', json.dumps(letter).encode())]
        parts += [_part(boundary, f'name="lampiran"; filename="{name}"', data) for name, data in files.items()]
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self.call("POST", "/surat", body, f"multipart/form-data; boundary={boundary}")


def _part(boundary: str, disposition: str, data: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def _decoded(answer: Any) -> Any:
    body = answer.read()
    return json.loads(body) if answer.headers.get("Content-Type", "").startswith("application/json") else body


@pytest.fixture
def site(cluster: Cluster, tmp_path: Path) -> Iterator[Site]:
    cluster.sql("drop database if exists naskah with (force)", "postgres")
    cluster.sql("create database naskah owner naskah", "postgres")
    certificate, key = make_certificate(tmp_path, "naskah.pmk.test")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "db-password").write_text(PASSWORD + "\n")
    key.rename(credentials / "service-key")
    (tmp_path / "lampiran").mkdir()
    (tmp_path / "naskah.ini").write_text(
        f"[naskah]\nsite = jkt\nattachments = {tmp_path / 'lampiran'}\n"
        f"[database]\nhost = 127.0.0.1\nport = {cluster.port}\nname = naskah\nuser = naskah\n"
        f"sslmode = verify-full\nsslrootcert = {cluster.certificate}\n"
    )
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(APPLICATION),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NASKAH_CONFIG": str(tmp_path / "naskah.ini"),
        "CREDENTIALS_DIRECTORY": str(credentials),
        "NASKAH_BIND": f"127.0.0.1:{port}",
        "NASKAH_CERTIFICATE": str(certificate),
    }
    made = Site(cluster, tmp_path, port, certificate, environment)
    yield made
    made.stop()

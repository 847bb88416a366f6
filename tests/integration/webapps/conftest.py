"""The applications beside naskah, each served by its real gunicorn settings; absensi on a real MariaDB."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mariadb_server import MariadbServer
from tests.integration.naskah.conftest import APPLICATION as NASKAH
from tests.integration.naskah.conftest import Site, free_port, make_certificate

from tests.integration.naskah.conftest import cluster as cluster, site as site  # the fixtures  # isort: skip

FILES = Path(__file__).parents[3] / "playbooks/roles/webapp/files"
PASSWORD = "canary-absensi-password"


@dataclass
class Service:
    """One application, served over HTTPS."""

    name: str
    folder: Path
    ini: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.certificate, key = make_certificate(self.folder, f"{self.name}.pmk.test")
        credentials = self.folder / "credentials"
        credentials.mkdir()
        (credentials / "db-password").write_text(PASSWORD + "\n")
        key.rename(credentials / "service-key")
        (self.folder / "app.ini").write_text(f"[webapp]\nname = {self.name}\nsite = jkt\n{self.ini}")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{FILES}:{NASKAH}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "WEBAPP_CONFIG": str(self.folder / "app.ini"),
            "WEBAPP_NAME": self.name,
            "WEBAPP_BIND": f"127.0.0.1:{self.port}",
            "WEBAPP_CERTIFICATE": str(self.certificate),
            "CREDENTIALS_DIRECTORY": str(credentials),
        }

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def tool(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"{self.name}.{module}", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert PASSWORD not in done.stdout + done.stderr
        return done

    def start(self) -> None:
        config = FILES / "webapp/gunicorn.conf.py"
        command = [sys.executable, "-m", "gunicorn", "--config", str(config), f"{self.name}.web:create_app()"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stderr=log, stdout=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(15)
            self.process = None
            assert PASSWORD not in (self.folder / "log").read_text()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        context = ssl.create_default_context(cafile=str(self.certificate))
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        call = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(call, timeout=20, context=context) as answer:
                return answer.status, _decoded(answer)
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error)


def _decoded(answer: Any) -> Any:
    body = answer.read()
    return json.loads(body) if answer.headers.get("Content-Type", "").startswith("application/json") else body


def permit(folder: Path, seconds: float) -> None:
    """Write a site permit that is good for so long."""
    until = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    (folder / "permit").write_text(json.dumps({"site": "jkt", "epoch": 1, "until": until}))


@pytest.fixture(scope="module")
def absensi(mariadb: MariadbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Not started, on an empty database; one for each file of tests."""
    tmp_path = tmp_path_factory.mktemp("absensi")
    mariadb.sql(
        "create or replace database absensi; drop user if exists absensi@'127.0.0.1';"
        f"create user absensi@'127.0.0.1' identified by '{PASSWORD}' require ssl;"
        "grant select, insert, update, delete, create, alter, index, references on absensi.* to absensi@'127.0.0.1'"
    )
    database = f"[database]\nhost = 127.0.0.1\nport = {mariadb.port}\nname = absensi\nuser = absensi\n"
    ini = f"ca = {mariadb.certificate}\npermit = {tmp_path / 'permit'}\n{database}"
    permit(tmp_path, 600)
    made = Service("absensi", tmp_path / "absensi", ini)
    yield made
    made.stop()


@pytest.fixture
def kearsipan(site: Site, tmp_path: Path) -> Iterator[Service]:
    permit(tmp_path, 600)
    ini = f"ca = {site.certificate}\npermit = {tmp_path / 'permit'}\nfolder = {tmp_path / 'kearsipan/data'}\n"
    made = Service("kearsipan", tmp_path / "kearsipan", f"{ini}[targets]\nnaskah = https://127.0.0.1:{site.port}\n")
    (made.folder / "data/arsip").mkdir(parents=True)
    yield made
    made.stop()

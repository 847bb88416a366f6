"""A real MariaDB server of Debian's package for tests: private folder, TLS, started in seconds."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.naskah.conftest import free_port, make_certificate


@dataclass
class MariadbServer:
    """A running server; root comes in by the socket, others over TLS at 127.0.0.1."""

    folder: Path
    port: int
    certificate: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def start(self) -> None:
        argv = ["setpriv", "--reuid", "mysql", "--regid", "mysql", "--init-groups", "mariadbd", "--no-defaults"]
        argv += [f"--datadir={self.folder / 'data'}", f"--socket={self.socket}", f"--port={self.port}"]
        argv += [
            "--bind-address=127.0.0.1",
            f"--ssl-cert={self.certificate}",
            f"--ssl-key={self.folder / 'server.key'}",
        ]
        argv += ["--require-secure-transport=1", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M"]
        argv += ["--skip-name-resolve", "--character-set-server=utf8mb4", "--default-time-zone=+00:00"]
        argv += ["--innodb-flush-log-at-trx-commit=0", f"--pid-file={self.folder / 'pid'}"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.sql("select 1")
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def sql(self, statement: str, database: str = "") -> str:
        argv = ["mariadb", "--no-defaults", f"--socket={self.socket}", "-BNr", *([database] if database else [])]
        return subprocess.run(argv, input=statement, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    if not shutil.which("mariadbd") or os.geteuid() != 0:
        pytest.skip("needs root and Debian's mariadb-server package")
    folder = Path(tempfile.mkdtemp(prefix="dcops-mariadb-", dir="/tmp"))
    certificate, _ = make_certificate(folder, "server")
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "mysql", "mysql")
    argv = ["mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}", "--user=mysql"]
    argv += ["--auth-root-authentication-method=socket", "--skip-name-resolve", "--innodb-log-file-size=8M"]
    subprocess.run(argv, check=True, capture_output=True)
    server = MariadbServer(folder, free_port(), certificate)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)

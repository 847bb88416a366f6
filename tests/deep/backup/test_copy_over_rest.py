"""A copy between two append-only REST servers with accounts and keys of their own, as in the lab, on loopback."""

import base64
import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcops.backup.model import Snapshot
from dcops.backup.restic import Restic, ResticAccess
from dcops.backup.restic_copy import ResticCopier
from dcops.backup.streams import Bytestring
from dcops.core.errors import AuthenticationFailed, DcopsError
from tests.integration.backup.conftest import free_port, secret_file

PROGRAMS = sorted((Path(__file__).parents[3] / "var/lab/images").glob("*/root/usr/bin/restic-rest-server"))

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="the twin's image is not built here")


@dataclass
class Server:
    """One REST server, and how to reach its repository."""

    name: str
    folder: Path
    port: int

    def access(self, account: str = "canary-account/word") -> ResticAccess:
        key = secret_file(self.folder, "key", f"canary-key-of-{self.name}")
        word = secret_file(self.folder, "account", account)
        url = f"rest:http://127.0.0.1:{self.port}/jkt/"
        return ResticAccess(url, key, self.folder / "cache", login=(self.name, word))


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    running, made = [], []
    for name in ("first", "second"):
        server = Server(name, tmp_path / name, free_port())
        (server.folder / "data").mkdir(parents=True)
        digest = base64.b64encode(hashlib.sha1(b"canary-account/word", usedforsecurity=False).digest()).decode()
        (server.folder / "htpasswd").write_text(f"{name}:{{SHA}}{digest}\n")
        argv = [str(PROGRAMS[-1]), "--path", str(server.folder / "data"), "--listen", f"127.0.0.1:{server.port}",
                "--append-only", "--htpasswd-file", str(server.folder / "htpasswd")]  # fmt: skip
        running.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        made.append(server)
    for server in made:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                    break
            time.sleep(0.1)
    yield made[0], made[1]
    for process in running:
        process.terminate()
        process.wait()
    shutil.rmtree(tmp_path, ignore_errors=True)


def store(restic: Restic) -> Snapshot:
    with restic.open_stream("manifest.json", ("app=a", "run=R1")) as storing:
        storing.feed(Bytestring(b"what is copied"), lambda _: None)
        storing.saved()
    return restic.snapshots()[-1]


def test_each_side_is_reached_with_its_own_account_and_key(servers: tuple[Server, Server]) -> None:
    first, second = servers
    source, target = Restic(first.access()), Restic(second.access())
    source.initialise()
    made = store(source)
    copier = ResticCopier(first.access(), second.access())
    copier.initialise()
    copier.copy([made.id])
    copier.copy([made.id])
    (copied,) = target.snapshots()
    assert (copied.original, copied.tree, copied.time) == (made.id, made.tree, made.time)
    assert target.read_file(copied.id, "/manifest.json") == b"what is copied"
    with pytest.raises(AuthenticationFailed) as refused:
        ResticCopier(first.access(), second.access("canary-wrong")).copy([made.id])
    with pytest.raises(DcopsError) as other:
        ResticCopier(first.access("canary-wrong"), second.access()).copy([made.id])
    said = f"{refused.value} {other.value}"
    assert "canary" not in said
    assert not [path for path in Path("/tmp").glob("dcops-*/RESTIC*")]

"""Two real agents and a witness over TLS on loopback: renewed, refused, moved, lost when alone, kept over a restart."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

ROLE = Path(__file__).parents[3] / "playbooks/roles/permit/files"
PROGRAM = [sys.executable, "-m", "site_permit"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROLE), "PYTHONDONTWRITEBYTECODE": "1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status": "ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Site:
    """One agent as a process."""

    folder: Path
    control: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = str(self.folder / "site-permit.ini")
        self.process = subprocess.Popen([*PROGRAM, "serve", "--config", config], env=ENVIRONMENT)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def verb(self, *words: str) -> tuple[int, str]:
        argv = [*PROGRAM, *words, "--control", str(self.control)]
        done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr

    def sees_other(self, *, held: bool) -> None:
        deadline = time.monotonic() + 8
        while cast(Any, self.status()).get("peer", {}).get("held") is not held:
            assert time.monotonic() < deadline, self.status()
            time.sleep(0.1)

    def take(self, seconds: float = 8.0) -> None:
        """Be granted the permit; the other site's last answer may be a moment old, and then it is refused."""
        deadline = time.monotonic() + seconds
        while self.verb("grant", "--wait", "6")[0] != 0:
            assert time.monotonic() < deadline, self.status()
            time.sleep(0.2)

    def status(self) -> dict[str, object]:
        code, text = self.verb("status", "--json")
        found: dict[str, object] = json.loads(text) if code == 0 else {}
        return found

    def may_write(self) -> bool:
        until = float(json.loads((self.folder / "permit").read_text())["until"])
        return time.clock_gettime(time.CLOCK_BOOTTIME) < until

    def becomes(self, *, held: bool, within: float = 8.0) -> None:
        deadline = time.monotonic() + within
        while not (self.folder / "permit").exists() or self.may_write() is not held:
            assert time.monotonic() < deadline, self.status()
            time.sleep(0.05)


@dataclass
class World:
    home: Site
    away: Site
    witness: HTTPServer
    sites: list[Site] = field(default_factory=list)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    certificate, key = tmp_path / "all.crt", tmp_path / "all.key"
    subject = ["-subj", "/CN=site.test", "-addext", "subjectAltName=DNS:site.test"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    out = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *curve, *subject, *out], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    witness = HTTPServer(("127.0.0.1", 0), _Health)
    witness.socket = context.wrap_socket(witness.socket, server_side=True)
    threading.Thread(target=witness.serve_forever, daemon=True).start()
    ports = {"home": free_port(), "away": free_port()}
    sites = {}
    for name, other in (("home", "away"), ("away", "home")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "site-permit.ini").write_text(
            f"[site]\nname={name}\nhome={'yes' if name == 'home' else 'no'}\nlisten=127.0.0.1\nport={ports[name]}\n"
            f"certificate={certificate}\nkey={key}\npermit={folder}/permit\nstate={folder}/state\n"
            f"control={folder}/control\n"
            f"[peer]\naddress=127.0.0.1\nname=site.test\nport={ports[other]}\nca={certificate}\n"
            f"[witness]\naddress=127.0.0.1\nname=site.test\nport={witness.server_port}\npath=/health\nca={certificate}\n"
            "[times]\nperiod=0.2\nvalid=2\nmargin=1.5\n"
        )
        sites[name] = Site(folder, folder / "control")
    made = World(sites["home"], sites["away"], witness, list(sites.values()))
    for site in made.sites:
        site.start()
    try:
        yield made
    finally:
        for site in made.sites:
            site.stop()
        witness.shutdown()


def test_the_permit_of_one_site_and_its_ways(world: World) -> None:
    world.home.becomes(held=True)
    assert not world.away.may_write()
    world.away.sees_other(held=True)
    code, text = world.away.verb("grant")
    assert (code, "revoke it there first" in text) == (7, True)

    # moved on purpose: at once
    assert world.home.verb("revoke")[0] == 0
    assert not world.home.may_write()
    world.away.take()
    assert (world.home.may_write(), world.away.may_write()) == (False, True)
    world.away.verb("revoke")
    world.home.take()

    # a restart of the agent takes nothing away
    world.home.stop()
    assert world.home.may_write()
    world.home.start()
    time.sleep(2.5)
    assert world.home.may_write()

    # home is dark: the other site waits until its permit must have lapsed
    world.home.stop()
    world.away.take()
    assert not world.home.may_write()
    world.home.start()  # home comes back: being home is no claim
    time.sleep(1.5)
    assert (world.home.may_write(), world.away.may_write()) == (False, True)

    # alone: it stops, and the witness alone does not bring it back
    world.home.stop()
    world.witness.shutdown()
    world.witness.server_close()
    world.away.becomes(held=False)

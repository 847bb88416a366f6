"""The door to the supervisor, over a real Unix socket: what is asked, and what its answers become."""

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcops.core.errors import DcopsError, Refused
from dcops.drills.lab_socket import LabSocket
from dcops.drills.model import SiteNodes

NODES = SiteNodes(routers=("jkt-rtr1",), base=("jkt-svc1",), others=("jkt-db1",))


class Door(socketserver.UnixStreamServer):
    """Answers each request with the next answer laid ready."""

    requests: list[dict[str, Any]]
    answers: list[dict[str, Any]]


class Handler(socketserver.StreamRequestHandler):
    """One request a connection."""

    def handle(self) -> None:
        door = self.server
        assert isinstance(door, Door)
        door.requests.append(json.loads(self.rfile.readline()))
        if door.answers:
            self.wfile.write(json.dumps(door.answers.pop(0)).encode() + b"\n")


@pytest.fixture
def door() -> Iterator[tuple[Door, LabSocket]]:
    with tempfile.TemporaryDirectory(prefix="dcops-") as folder:
        path = Path(folder) / "lab.sock"
        with Door(str(path), Handler) as server:
            server.requests, server.answers = [], []
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            yield server, LabSocket("01RUN", lambda _: NODES, path)
            server.shutdown()


def test_each_fault_is_asked_with_its_run(door: tuple[Door, LabSocket]) -> None:
    server, faults = door
    server.answers = [{"ok": True, "result": None}] * 6
    faults.stop_all(faults.site("jkt").names)
    faults.start_all(["jkt-svc1"])
    faults.cut("w1")
    faults.cut("w2", end="pdn-rtr1")
    faults.shape("w3", rate="10M", loss=0.05, delay_seconds=0.02, end=None)
    faults.heal("w1")
    run = {"run": "01RUN"}
    assert server.requests == [
        {"verb": "stop", "targets": ["jkt-rtr1", "jkt-svc1", "jkt-db1"], **run},
        {"verb": "start", "targets": ["jkt-svc1"], **run},
        {"verb": "cut", "target": "w1", "silent": False, "end": None, **run},
        {"verb": "cut", "target": "w2", "silent": True, "end": "pdn-rtr1", **run},
        {"verb": "shape", "target": "w3", "rate": "10M", "loss": 0.05, "delay": "20ms", "end": None, **run},
        {"verb": "heal", "target": "w1", **run},
    ]


def test_a_refusal_stays_a_refusal_and_silence_is_an_error(door: tuple[Door, LabSocket]) -> None:
    server, faults = door
    server.answers = [{"ok": False, "error": "a node asks for its own power to be cut", "exit_code": 7}]
    with pytest.raises(Refused, match="its own power"):
        faults.stop_all(["drc-ops1"])
    with pytest.raises(DcopsError, match="hung up"):
        faults.heal("w1")


def test_outside_a_twin_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no twin's supervisor"):
        LabSocket("01RUN", lambda _: NODES, tmp_path / "lab.sock").cut("w1")

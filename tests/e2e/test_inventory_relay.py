"""The relay joins stdin and stdout to a port: both ways, to the last byte, and says when nothing answers."""

import hashlib
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

RELAY = Path(__file__).resolve().parents[2] / "dcops" / "inventory" / "relay.py"


@pytest.fixture
def listener() -> socket.socket:
    found = socket.create_server(("127.0.0.1", 0))
    found.settimeout(20)
    return found


def relay(port: int, content: bytes) -> subprocess.CompletedProcess[bytes]:
    argv = ["/usr/bin/python3", "-IS", RELAY, "127.0.0.1", str(port)]
    return subprocess.run(argv, input=content, capture_output=True, timeout=30, check=False)


def test_both_ways_to_the_last_byte(listener: socket.socket) -> None:
    """The far side answers only after our end of input, so a half-closed connection must stay readable."""
    sent = os.urandom(5_000_000)

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            digest = hashlib.sha256()
            while chunk := peer.recv(65536):
                digest.update(chunk)
            peer.sendall(digest.hexdigest().encode() + b"\n" + sent)

    server = threading.Thread(target=serve)
    server.start()
    done = relay(listener.getsockname()[1], sent)
    server.join(20)
    first, _, rest = done.stdout.partition(b"\n")
    assert done.returncode == 0, done.stderr
    assert first.decode() == hashlib.sha256(sent).hexdigest()
    assert rest == sent


def test_ends_when_the_far_side_does(listener: socket.socket) -> None:
    threading.Thread(target=lambda: listener.accept()[0].close()).start()
    argv = ["/usr/bin/python3", "-IS", str(RELAY), "127.0.0.1", str(listener.getsockname()[1])]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.wait(20) == 0


def test_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = relay(port, b"")
    assert done.returncode == 1
    assert done.stderr.decode() == f"127.0.0.1:{port}: Connection refused. Is the node up? dcops lab status\n"

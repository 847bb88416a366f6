"""A real snmpd on loopback with a configuration of its own, ended by its process id."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcops.core.process import start

COMMUNITY = "canary-community-5d2"
USER, AUTH_PASSWORD, PRIV_PASSWORD = "reader", "canary-auth-77", "canary-priv-88"


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def snmpd(folder: Path) -> Iterator[int]:
    """Run snmpd until the block ends; gives its UDP port."""
    port = free_udp_port()
    config = folder / "snmpd.conf"
    config.write_text(
        f"agentAddress udp:127.0.0.1:{port}\nrocommunity {COMMUNITY} 127.0.0.1\n"
        f"createUser {USER} SHA-256 {AUTH_PASSWORD} AES {PRIV_PASSWORD}\nrouser {USER} priv\n"
        "sysName loopback\nsysLocation test bench\nsysContact nobody\n"
    )
    config.chmod(0o600)
    state = folder / "state"
    state.mkdir()
    argv = ["snmpd", "-f", "-C", "-c", str(config), "-Lf", str(folder / "log"), "-I", "-smux"]
    with start(argv, env={"SNMP_PERSISTENT_DIR": str(state), "MIBS": ""}):
        _wait(port)
        yield port


def _wait(port: int) -> None:
    """Ask for sysUpTime, by a hand-made packet, until it answers."""
    community = COMMUNITY.encode()
    pdu = bytes.fromhex("a01902010102010002010030 0e300c06082b06010201010300 0500".replace(" ", ""))
    body = b"\x02\x01\x01\x04" + bytes([len(community)]) + community + pdu
    packet = b"\x30" + bytes([len(body)]) + body
    end = time.monotonic() + 10
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        while time.monotonic() < end:
            try:
                probe.sendto(packet, ("127.0.0.1", port))
                probe.recv(1000)
            except OSError:
                time.sleep(0.05)
                continue
            return
    raise AssertionError("snmpd did not answer within 10 s")

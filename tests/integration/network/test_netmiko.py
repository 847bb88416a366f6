"""The Netmiko adapter over real SSH on loopback: the contract, host keys, refusals, deadlines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dcops.core.errors import AuthenticationFailed, DcopsError, TimedOut, Unreachable, UsageError
from dcops.core.exitcodes import ExitCode
from dcops.network.errors import DeviceNotReady, HostKeyMismatch
from dcops.network.model import Target
from dcops.network.netmiko import NetmikoReaders, NetmikoWriters, SessionSettings
from dcops.network.ports import OpenReader, OpenWriter
from tests.contract.network.fake_frr import FakeFrr
from tests.contract.network.suite import NetworkSessionContract
from tests.integration.network.vtysh_server import VtyshServer


def make_key(path: Path) -> paramiko.Ed25519Key:
    private = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path.write_bytes(private)
    path.chmod(0o600)
    return paramiko.Ed25519Key.from_private_key_file(str(path))


class Bench:
    """A served router, the files a client needs, and the two ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = make_key(folder / "client")
        self.host = make_key(folder / "host")
        self.server = VtyshServer(FakeFrr("r1"), self.host, self.client)
        self.record(self.host)
        self.target = Target("r1", "jkt", "127.0.0.1", "frr", port=self.server.port)
        self.settings = SessionSettings(
            folder / "client", folder / "known_hosts", connect_seconds=2, prepare_seconds=3, read_seconds=2
        )

    def record(self, key: paramiko.PKey) -> None:
        line = f"[127.0.0.1]:{self.server.port} {key.get_name()} {key.get_base64()}\n"
        (self.folder / "known_hosts").write_text(line)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.server.close()


class TestNetmikoSession(NetworkSessionContract):
    @pytest.fixture
    def reader(self, bench: Bench) -> OpenReader:
        return NetmikoReaders(bench.settings)

    @pytest.fixture
    def writer(self, bench: Bench) -> OpenWriter:
        return NetmikoWriters(bench.settings)

    @pytest.fixture
    def target(self, bench: Bench) -> Target:
        return bench.target


def open_reader(bench: Bench) -> None:
    with NetmikoReaders(bench.settings)(bench.target):
        pass


def test_another_host_key_is_refused_and_nothing_is_sent(bench: Bench) -> None:
    bench.record(make_key(bench.folder / "other"))
    with pytest.raises(HostKeyMismatch, match="another host key") as caught:
        open_reader(bench)
    assert caught.value.exit_code == ExitCode.REFUSED
    assert bench.server.router.sent == []


def test_an_unrecorded_host_key_is_refused(bench: Bench) -> None:
    bench.settings.known_hosts.write_text("")
    with pytest.raises(HostKeyMismatch, match="has no host key in"):
        open_reader(bench)


def test_a_key_the_device_does_not_know(bench: Bench) -> None:
    make_key(bench.folder / "client")
    with pytest.raises(AuthenticationFailed, match="login as netops refused"):
        open_reader(bench)


def test_a_missing_key_file_is_named(bench: Bench) -> None:
    bench.settings.key_file.unlink()
    with pytest.raises(DcopsError, match="the SSH key is missing"):
        open_reader(bench)


def test_nothing_listens(bench: Bench) -> None:
    bench.server.close()
    with pytest.raises(Unreachable, match=r"no answer at 127\.0\.0\.1"):
        open_reader(bench)


def test_a_control_plane_that_does_not_run_is_not_ready_and_worth_another_try(bench: Bench) -> None:
    bench.server.is_ready = False
    with pytest.raises(DeviceNotReady) as caught:
        open_reader(bench)
    assert caught.value.is_retryable


def test_a_device_that_stops_answering_costs_the_deadline_and_no_more(bench: Bench) -> None:
    bench.server.stall_at = "show running-config"
    started = time.monotonic()
    with NetmikoReaders(bench.settings)(bench.target) as session, pytest.raises(TimedOut):
        session.read_running()
    assert time.monotonic() - started < 10


def test_a_getter_that_is_not_on_the_list_is_not_sent(bench: Bench) -> None:
    with NetmikoReaders(bench.settings)(bench.target) as session, pytest.raises(UsageError, match="no getter"):
        session.show("reload")
    assert "reload" not in bench.server.router.sent

"""An SSH server on loopback whose shell is the fake vtysh: what Netmiko and paramiko really do is tested against it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import paramiko

from dcops.network.errors import LineRefused
from tests.contract.network.fake_frr import FakeFrr


class _Login(paramiko.ServerInterface):
    def __init__(self, allowed: paramiko.PKey) -> None:
        self.allowed = allowed
        self.has_shell = threading.Event()

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_known = username == "netops" and key.asbytes() == self.allowed.asbytes()
        return paramiko.common.AUTH_SUCCESSFUL if is_known else paramiko.common.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_args: object) -> bool:
        return True

    def check_channel_shell_request(self, _channel: paramiko.Channel) -> bool:
        self.has_shell.set()
        return True


class VtyshServer:
    """Serves one router; with `is_ready` false vtysh says that FRR does not run; `stall_at` gets no answer."""

    def __init__(self, router: FakeFrr, host_key: paramiko.PKey, client_key: paramiko.PKey) -> None:
        self.router = router
        self.host_key = host_key
        self.client_key = client_key
        self.is_ready = True
        self.stall_at: str | None = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self.host_key)
        try:
            login = _Login(self.client_key)
            transport.start_server(server=login)
            channel = transport.accept(10)
            if channel is not None and login.has_shell.wait(10):
                self._shell(channel)
        except (paramiko.SSHException, OSError, EOFError):
            pass
        finally:
            transport.close()

    def _shell(self, channel: paramiko.Channel) -> None:
        if not self.is_ready:
            channel.sendall(b"Exiting: failed to connect to any daemons.\r\n")
            time.sleep(0.05)
            channel.close()
            return
        channel.sendall(f"\r\nHello, this is FRRouting (version 10.3).\r\n\r\n{self.router.name}# ".encode())
        session = _Vty(self.router)
        for line in _lines(channel):
            if self.stall_at is not None and self.stall_at in line:
                self._closing.wait(30)
                return
            channel.sendall(session.answer(line).encode())


def _lines(channel: paramiko.Channel) -> Iterator[str]:
    buffered = ""
    while True:
        data = channel.recv(4096)
        if not data:
            return
        buffered += data.decode().replace("\r\n", "\n").replace("\r", "\n")
        while "\n" in buffered:
            line, buffered = buffered.split("\n", 1)
            yield line.strip()


class _Vty:
    """The modes of vtysh: each line is echoed, answered and followed by the prompt."""

    def __init__(self, router: FakeFrr) -> None:
        self.router = router
        self.path: list[str] = []
        self.is_configuring = False
        self._show: dict[str, Callable[[], str]] = {
            "show running-config": router.running,
            "show version": lambda: f"FRRouting 10.3 ({router.name}) on Linux.\n",
            "show bgp ipv4 unicast summary json": lambda: router.bgp_summary() + "\n",
            "write memory": self._write,
            "terminal length 0": lambda: "",
            "": lambda: "",
        }

    def answer(self, line: str) -> str:
        text = self._configure(line) if self.is_configuring else self._ask(line)
        mode = ("config-router" if self.path else "config") if self.is_configuring else ""
        prompt = f"{self.router.name}({mode})# " if mode else f"{self.router.name}# "
        return f"{line}\r\n" + text.replace("\n", "\r\n") + prompt

    def _ask(self, line: str) -> str:
        if line == "configure terminal":
            self.is_configuring = True
            return ""
        if line in self._show:
            return self._show[line]()
        return f"% Unknown command: {line}\n"

    def _configure(self, line: str) -> str:
        if line == "end":
            self.is_configuring, self.path = False, []
            return ""
        if line == "":
            return ""
        try:
            self.path = self.router.step(self.path, line)
        except LineRefused as error:
            return f"{error.reply}\n"
        return ""

    def _write(self) -> str:
        self.router.saved += 1
        return "Note: this version of vtysh never writes vtysh.conf\nBuilding Configuration...\n[OK]\n"

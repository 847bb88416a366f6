"""Sessions with devices through Netmiko: key authentication, recorded host keys only, every wait bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

from netmiko.cisco.cisco_ios import CiscoIosSSH
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoTimeoutException, ReadException
from paramiko.ssh_exception import BadHostKeyException, SSHException

from dcops.core.errors import AuthenticationFailed, DcopsError, TimedOut, Unreachable, UsageError
from dcops.network.errors import DeviceNotReady, HostKeyMismatch, LineRefused
from dcops.network.model import Target
from dcops.network.platforms.rules import PlatformRules, platform

__all__ = ["FrrVtysh", "NetmikoReaders", "NetmikoWriters", "SessionSettings"]

_PROMPT = r"[>#]\s*$"


class FrrVtysh(CiscoIosSSH):
    """Netmiko's driver for an account whose shell is vtysh.

    A subclass of the IOS driver and not of its base: the base waits 4.4 s in each `check_config_mode`, as it has no
    pattern to wait for.
    """

    def session_preparation(self) -> None:
        """Turn paging off; vtysh knows no terminal width."""
        self._test_channel_read(pattern=_PROMPT)
        self.disable_paging(cmd_verify=False, pattern=_PROMPT)
        self.set_base_prompt()

    def check_enable_mode(self, check_string: str = "#") -> bool:  # noqa: ARG002 - the signature is Netmiko's
        """Say yes: the account is always enabled."""
        return True

    def enable(self, *_args: Any, **_keywords: Any) -> str:
        """Do nothing: there is no enable mode to enter."""
        return ""


DRIVERS: dict[str, type[FrrVtysh]] = {"frr": FrrVtysh}


@dataclass(frozen=True)
class SessionSettings:
    """Where the key and the recorded host keys are, and how long each wait may be, in seconds.

    `dial` makes the TCP connection where it has to be made in a special way, such as inside a twin's namespace.
    """

    key_file: Path
    known_hosts: Path
    connect_seconds: float = 5.0
    prepare_seconds: float = 10.0
    read_seconds: float = 20.0
    dial: Callable[[str, int], socket] | None = None


class NetmikoReader:
    """An open session that can only look."""

    def __init__(self, connection: Any, target: Target, rules: PlatformRules, settings: SessionSettings) -> None:
        self._connection = connection
        self._target = target
        self._rules = rules
        self._settings = settings

    def read_running(self) -> str:
        """The running configuration as the device prints it."""
        return self._ask(self._rules.running_config)

    def show(self, getter: str, **arguments: str) -> str:
        """The reply to the read-only command `getter`; raise LineRefused when the device refuses it."""
        if getter not in self._rules.show:
            raise UsageError(f'"{getter}" is no getter of {self._rules.name}', hint=", ".join(self._rules.show))
        command = self._rules.show[getter].format(**arguments)
        reply = self._ask(command)
        self._check(command, reply)
        return reply

    def _ask(self, command: str, prompt: str | None = None) -> str:
        expected = prompt or re.escape(self._connection.base_prompt) + r"#\s*$"
        with _translated(self._target):
            reply = self._connection.send_command(
                command, expect_string=expected, read_timeout=self._settings.read_seconds, strip_prompt=True
            )
        return str(reply)

    def _check(self, line: str, reply: str) -> None:
        refused = self._rules.refusals(reply)
        if refused:
            raise LineRefused(line, refused[0], where=self._target.name)


class NetmikoWriter(NetmikoReader):
    """An open session that can also change the device."""

    def configure(self, lines: Sequence[str]) -> None:
        """Send lines one by one and read each answer: vtysh never fails a session, it only prints a line with %."""
        with _translated(self._target):
            self._connection.config_mode()
        try:
            for line in lines:
                self._check(line, self._ask(line, r"\(config[^)]*\)#\s*$"))
        finally:
            with _translated(self._target):
                self._connection.exit_config_mode()

    def save(self) -> None:
        """Write the running configuration to the device's own store."""
        reply = self._ask("write memory")
        if "[OK]" not in reply:
            last = (reply.strip().splitlines() or ["no answer"])[-1]
            raise LineRefused("write memory", last, where=self._target.name)


class NetmikoReaders:
    """Opens reading sessions."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings

    @contextmanager
    def __call__(self, target: Target) -> Iterator[NetmikoReader]:
        """A reading session with `target`, closed on leaving."""
        with _connected(target, self._settings) as connection:
            yield NetmikoReader(connection, target, platform(target.platform), self._settings)


class NetmikoWriters:
    """Opens writing sessions."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings

    @contextmanager
    def __call__(self, target: Target) -> Iterator[NetmikoWriter]:
        """A writing session with `target`, closed on leaving."""
        with _connected(target, self._settings) as connection:
            yield NetmikoWriter(connection, target, platform(target.platform), self._settings)


@contextmanager
def _connected(target: Target, settings: SessionSettings) -> Iterator[Any]:
    connection = _connect(target, settings)
    try:
        yield connection
    finally:
        # At once: the polite way types "exit" and waits for an answer. The device may close first, which is as well.
        with suppress(OSError, EOFError, SSHException):
            connection.paramiko_cleanup()


def _connect(target: Target, settings: SessionSettings) -> Any:
    driver = DRIVERS.get(target.platform)
    if driver is None:
        raise UsageError(f'no session driver for platform "{target.platform}"', where=target.name)
    for path, what in ((settings.key_file, "SSH key"), (settings.known_hosts, "known_hosts")):
        if not path.is_file():
            raise DcopsError(f"the {what} is missing", where=str(path), hint="Is this an operations server?")
    try:
        return driver(
            sock=settings.dial(target.address, target.port) if settings.dial else None,
            host=target.address,
            port=target.port,
            username=target.user,
            use_keys=True,
            key_file=str(settings.key_file),
            allow_agent=False,
            ssh_strict=True,
            alt_host_keys=True,
            alt_key_file=str(settings.known_hosts),
            conn_timeout=settings.connect_seconds,
            banner_timeout=settings.prepare_seconds,
            auth_timeout=settings.prepare_seconds,
            session_timeout=settings.prepare_seconds,
            read_timeout_override=settings.prepare_seconds,
            device_type="cisco_ios",
        )
    except NetmikoAuthenticationException as error:
        hint = f"Is the public key of {settings.key_file} known there?"
        raise AuthenticationFailed(f"login as {target.user} refused", where=target.name, hint=hint) from error
    except NetmikoTimeoutException as error:
        raise _connection_error(target, settings, error) from error
    except (ConnectionError, TimeoutError) as error:
        raise Unreachable(f"no answer at {target.address} port {target.port}", where=target.name) from error
    except (ReadException, SSHException, OSError, EOFError) as error:
        raise DeviceNotReady(target.name, _reason(error)) from error


def _connection_error(target: Target, settings: SessionSettings, error: Exception) -> DcopsError:
    cause = error.__context__
    if isinstance(cause, BadHostKeyException):
        message = "shows another host key than the recorded one"
        return HostKeyMismatch(message, where=target.name, hint=f"Find out why before changing {settings.known_hosts}.")
    if isinstance(cause, SSHException) and "not found in known_hosts" in str(cause):
        message = f"has no host key in {settings.known_hosts}"
        return HostKeyMismatch(message, where=target.name, hint="Enrol the device.")
    if isinstance(cause, SSHException):
        return DeviceNotReady(target.name, _reason(cause))
    message = f"no answer at {target.address} port {target.port} within {settings.connect_seconds:g} s"
    return Unreachable(message, where=target.name)


@contextmanager
def _translated(target: Target) -> Iterator[None]:
    """Turn what Netmiko and paramiko raise inside an open session into the toolkit's errors."""
    try:
        yield
    except ReadException as error:
        raise TimedOut("no prompt in time", where=target.name, hint="The session was closed.") from error
    except (NetmikoTimeoutException, SSHException, OSError, EOFError) as error:
        raise DeviceNotReady(target.name, _reason(error)) from error


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

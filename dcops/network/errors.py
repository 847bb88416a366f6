"""Errors of a network device's own: a refused line, a device not ready, a wrong host key."""

from __future__ import annotations

from dcops.core.errors import AuthenticationFailed, DcopsError, TransportError
from dcops.core.exitcodes import ExitCode

__all__ = ["DeviceNotReady", "HostKeyMismatch", "LineRefused"]


class LineRefused(DcopsError):
    """The device refused a line; lines sent before it have taken effect."""

    def __init__(self, line: str, reply: str, *, where: str) -> None:
        self.line = line
        self.reply = reply
        super().__init__(f'refused "{line}": {reply}', where=where, hint="the lines before it took effect")


class DeviceNotReady(TransportError):
    """The device answers SSH, but its control plane does not answer yet (it starts, or a daemon is down)."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"device not ready ({reason})", where=where, hint="try again in a few seconds")


class HostKeyMismatch(AuthenticationFailed):
    """The device showed a host key that is not the recorded one, or none is recorded: it may be another device.

    Nothing was sent to it, so it counts as refused by a gate (exit 7).
    """

    exit_code = ExitCode.REFUSED

"""What the network services need from outside: sessions (reading and writing apart), rendering, history, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from dcops.network.model import RoutingIntent, Target

__all__ = ["DeviceReader", "DeviceWriter", "History", "OpenReader", "OpenWriter", "Recorder", "Renderer", "Revision"]


class Revision(Protocol):
    """One commit of the configuration history."""

    @property
    def commit(self) -> str:
        """The commit id."""

    @property
    def at(self) -> str:
        """When, RFC 3339."""

    @property
    def subject(self) -> str:
        """The first line of the message."""


class DeviceReader(Protocol):
    """An open session that can only look. Every method raises a TransportError when the session is lost."""

    def read_running(self) -> str:
        """The running configuration as the device prints it, end marker included."""

    def show(self, getter: str, **arguments: str) -> str:
        """The reply to the platform's read-only command `getter`. Raise LineRefused when the device refuses it."""


class DeviceWriter(DeviceReader, Protocol):
    """An open session that can also change the device."""

    def configure(self, lines: Sequence[str]) -> None:
        """Send configuration lines in order. Raise LineRefused at the first one the device refuses; the lines
        before it have taken effect."""

    def save(self) -> None:
        """Make the running configuration survive a restart."""


class OpenReader(Protocol):
    """Opens a reading session: Unreachable, AuthenticationFailed, or Refused for a changed host key."""

    def __call__(self, target: Target) -> AbstractContextManager[DeviceReader]:
        """Open a session with `target`, closed on leaving."""


class OpenWriter(Protocol):
    """Opens a writing session; not constructed at all in observe mode."""

    def __call__(self, target: Target) -> AbstractContextManager[DeviceWriter]:
        """Open a session with `target`, closed on leaving."""


class Renderer(Protocol):
    """Turns a routing intent into a device's configuration text, deciding nothing."""

    def __call__(self, platform: str, intent: RoutingIntent) -> str:
        """Give the text."""


class Recorder(Protocol):
    """Keeps what was done, before the caller goes on."""

    def __call__(self, kind: str, payload: Mapping[str, Any]) -> object:
        """Keep one record."""


class History(Protocol):
    """The configurations kept over time, one file a device in one folder a site."""

    def read(self, site: str, device: str, revision: str | None = None) -> str | None:
        """The text kept for `device`; None when there is none."""

    def commit(self, files: Sequence[tuple[str, str, str]], message: str) -> str | None:
        """Keep (site, device, text) triples in one commit and return its id; None when nothing changed."""

    def log(self, site: str, device: str, limit: int) -> Sequence[Revision]:
        """The commits that touched `device`, newest first."""

    def diff(self, site: str, device: str, older: str | None, newer: str | None) -> str:
        """The unified difference of `device` between two revisions; by default the last change."""

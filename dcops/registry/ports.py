"""What the registry needs from outside: BGP sessions, an HTTPS question, and a memory of when a state began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from dcops.core.words import Status
from dcops.registry.model import Check, Session

__all__ = ["HttpsProbe", "Memory", "SessionReader"]


class SessionReader(Protocol):
    """Reads BGP sessions from whoever sees them. Never raises: what could not be read has `is_established` None."""

    def read(self, wanted: Mapping[str, str]) -> Sequence[Session]:
        """One session for each router -> neighbour's address of `wanted`, in that order."""


class HttpsProbe(Protocol):
    """Asks an HTTPS address. Never raises: a failure is a check with state `fail`, or `unknown` if it was not made."""

    def ask(self, url: str, authority: str | None) -> Check:
        """The check of `url`, trusting only the certificate authority at the secret reference `authority`."""


class Memory(Protocol):
    """Keeps since when a thing is in its state, beyond one process."""

    def since(self, key: str, state: Status, now: datetime) -> datetime:
        """When `key` came into `state`: `now` when that is news."""

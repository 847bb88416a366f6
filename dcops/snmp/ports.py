"""What SNMP services need from outside: a client that walks one subtree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dcops.snmp.model import Auth, Endpoint, Varbind

__all__ = ["SnmpClient"]


class SnmpClient(Protocol):
    """Asks agents. Raises TimedOut (nothing answered), Unreachable (the network says no), AuthenticationFailed (v3),
    ParseError (an answer that cannot be)."""

    def walk(
        self, endpoint: Endpoint, auth: Auth, oid: str, *, timeout_seconds: float, deadline_seconds: float | None = None
    ) -> Sequence[Varbind]:
        """Everything below `oid` in rising order; empty when the agent has nothing there. `timeout_seconds` bounds
        the wait for each answer, `deadline_seconds` the whole walk: an agent may answer slowly, or without end."""

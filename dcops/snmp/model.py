"""Frozen types of SNMP: how a device is asked, what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

__all__ = ["Auth", "Endpoint", "Hidden", "Oid", "SubtreeStats", "Value", "Varbind", "Version3"]

Oid: TypeAlias = tuple[int, ...]
Value: TypeAlias = int | float | bytes | str | None
Varbind: TypeAlias = tuple[Oid, Value]


class Hidden(Protocol):
    """A secret that shows itself only to who asks; `dcops.core.secrets.Secret` is one."""

    def reveal(self) -> str:
        """The secret itself."""


@dataclass(frozen=True)
class Version3:
    """The user of an SNMPv3 session; protocols as in net-snmp: SHA-256, AES-128."""

    username: str
    auth_protocol: str | None = None
    auth_password: Hidden | None = None
    priv_protocol: str | None = None
    priv_password: Hidden | None = None


@dataclass(frozen=True)
class Auth:
    """How agents are asked: a community (version 2c) or a user (version 3), exactly one of them."""

    name: str
    community: Hidden | None = None
    user: Version3 | None = None


@dataclass(frozen=True)
class Endpoint:
    """An agent's address. `device` is its inventory name, empty for one that the inventory does not hold."""

    address: str
    port: int = 161
    device: str = ""

    def __str__(self) -> str:
        return self.device or f"{self.address}:{self.port}"


@dataclass(frozen=True)
class SubtreeStats:
    """What one subtree cost: seconds, variables and tries."""

    oid: str
    seconds: float
    variables: int
    attempts: int = field(default=1)

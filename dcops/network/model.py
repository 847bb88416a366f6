"""Frozen types of the network capability: devices as targets, intended routing, observations, plans and results."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Announcement",
    "BackupResult",
    "BackupStatus",
    "BgpPeer",
    "BgpStatus",
    "Capture",
    "ChangeResult",
    "DevicePlan",
    "MoveOrder",
    "MoveResult",
    "Neighbour",
    "RoutingIntent",
    "ServiceAddress",
    "ServiceState",
    "Target",
]


@dataclass(frozen=True, slots=True)
class Target:
    """A device as a session needs it: where it is and how it speaks."""

    name: str
    site: str
    address: str
    platform: str
    user: str = "netops"
    port: int = 22


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A BGP neighbour of one router. `is_internal` is true for a router of the same autonomous system."""

    address: str
    remote_as: int
    name: str
    link: str
    is_internal: bool


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """A service address and, per site that can serve it, the next hop behind that site's routers."""

    name: str
    prefix: str
    home_site: str
    next_hops: tuple[tuple[str, str], ...]

    def next_hop(self, site: str) -> str | None:
        """The address behind `site` that serves the prefix; None when the site cannot serve it."""
        return dict(self.next_hops).get(site)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One service prefix announced by one router, with the next hop it forwards to."""

    service: str
    prefix: str
    next_hop: str


@dataclass(frozen=True, slots=True)
class RoutingIntent:
    """What one router's routing should be; the template renders it without deciding anything."""

    device: str
    site: str
    asn: int
    router_id: str
    neighbours: tuple[Neighbour, ...]
    networks: tuple[str, ...]
    announcements: tuple[Announcement, ...] = ()
    service_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BgpPeer:
    """One BGP session as the router reports it. Times in seconds; `prefixes_*` are None when not established."""

    address: str
    remote_as: int
    state: str
    uptime_seconds: float | None
    prefixes_received: int | None
    prefixes_sent: int | None
    name: str = ""

    @property
    def is_established(self) -> bool:
        """True when the session exchanges routes."""
        return self.state == "Established"


@dataclass(frozen=True, slots=True)
class BgpStatus:
    """The BGP sessions of one router, or why they could not be read."""

    device: str
    site: str
    peers: tuple[BgpPeer, ...] = ()
    error: str | None = None

    @property
    def established(self) -> int:
        """The number of sessions that exchange routes."""
        return sum(peer.is_established for peer in self.peers)


class BackupStatus(StrEnum):
    """What became of one device's backup. `suspect` text never replaces a good one."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SUSPECT = "suspect"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Capture:
    """A device's configuration as fetched, made comparable: volatile lines gone, secrets replaced by keyed hashes.

    `reasons` says why the text may be incomplete; empty means proved complete.
    """

    device: str
    text: str
    sha256: str
    lines: int
    redacted: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupResult:
    """The backup of one device: status, the text's hash, and the reason where it is not a good copy."""

    device: str
    site: str
    status: BackupStatus
    path: str = ""
    sha256: str = ""
    lines: int = 0
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What will be sent to one device, made from the state with hash `state_hash`, and its computed reverse."""

    device: str
    site: str
    state_hash: str
    commands: tuple[str, ...]
    rollback: tuple[str, ...]
    diff: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """True when the device already is as intended."""
        return not self.commands

    @property
    def plan_id(self) -> str:
        """12 hex digits that name exactly this plan: device, state it was made from, commands."""
        content = "\n".join((self.device, self.state_hash, *self.commands))
        return hashlib.sha256(content.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """What happened on one device.

    Status: `changed`, `unchanged`, `refused` (nothing sent), `unreachable`, `rolled_back`, `needs_person` (taking it
    back failed), `failed`, `not_started`.
    """

    device: str
    site: str
    status: str
    commands: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    after_hash: str = ""


class MoveOrder(StrEnum):
    """Which side goes first: a stateful service withdraws first (a gap, but never two answers)."""

    WITHDRAW_FIRST = "withdraw-first"
    ANNOUNCE_FIRST = "announce-first"


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Which routers announce a service address now; `unread` are those that could not be asked."""

    name: str
    prefix: str
    home_site: str
    announced_by: tuple[str, ...]
    sites: tuple[str, ...]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MoveResult:
    """The move of a service address: before, after, what each router did and how long it all took.

    `to_site` is None for a withdrawal: nobody shall announce it.
    """

    service: str
    to_site: str | None
    order: MoveOrder
    before: ServiceState
    after: ServiceState
    results: tuple[ChangeResult, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """True when, of the routers that answered, exactly those of `to_site` announce it."""
        return self.after.sites == ((self.to_site,) if self.to_site else ())

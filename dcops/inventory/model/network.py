"""Networks: VRF, VLAN, prefixes, service addresses, links, circuits, DNS names, certificates."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from dcops.core.units import Seconds
from dcops.core.words import Frozen, Value
from dcops.inventory.model.base import Address, Count, Fqdn, Identifier, Name, Network, Number, SecretRef, Words


class Vrf(Frozen):
    """A routing table of its own; addresses must be unique within it."""

    name: Name
    rd: Words | None = None
    description: Words | None = None


class Vlan(Frozen):
    """A VLAN of a site."""

    name: Name
    site: Identifier
    vid: Count = Field(ge=1, le=4094)
    description: Words | None = None


class PrefixKind(StrEnum):
    """What a prefix is used for."""

    AGGREGATE = "aggregate"
    LAN = "lan"
    LINK = "link"
    SERVICE = "service"
    LOOPBACK = "loopback"
    MANAGEMENT = "management"


class Vrrp(Frozen):
    """First-hop redundancy of a LAN: the virtual address is the prefix's gateway; the highest priority answers."""

    group: Count = Field(ge=1, le=255)
    priorities: dict[Name, Count]


class Prefix(Frozen):
    """A network.

    Attributes:
        site: where it lies; None for one that spans sites.
        gateway: first hop of its hosts.
        dns: resolvers its hosts use; `ntp`: their time servers (device names).
        tenant: whose segment it is.
    """

    name: Name
    network: Network
    kind: PrefixKind
    site: Identifier | None = None
    vrf: Name | None = None
    vlan: Name | None = None
    gateway: Address | None = None
    vrrp: Vrrp | None = None
    dns: tuple[Name, ...] = ()
    ntp: tuple[Name, ...] = ()
    tenant: Name | None = None
    description: Words | None = None


class ServiceAddress(Frozen):
    """An address that is announced by BGP from the site which serves the application.

    Attributes:
        next_hops: site -> device that holds the address there.
        active_site: where it is announced in the steady state.
        ttl: how long a resolver may keep the answer for `fqdn`; the servers' own time where it is not set.
    """

    name: Name
    address: Network
    application: Identifier
    fqdn: Fqdn
    port: Count = Field(ge=1, le=65535)
    next_hops: dict[Identifier, Name]
    active_site: Identifier
    ttl: Seconds | None = None

    @property
    def ip(self) -> str:
        """Give the address without its prefix length."""
        return self.address.partition("/")[0]


class LinkEnd(Frozen):
    """One end of a link."""

    device: Name
    interface: Words


class Link(Frozen):
    """A point-to-point connection between two interfaces; `circuit` names what carries it."""

    name: Name = Field(max_length=6)
    a: LinkEnd
    b: LinkEnd
    network: Name
    circuit: Name | None = None
    description: Words | None = None

    @property
    def ends(self) -> tuple[LinkEnd, LinkEnd]:
        """Give both ends, a first."""
        return (self.a, self.b)

    def other(self, device: str) -> LinkEnd:
        """Give the end that is not at `device`."""
        return self.b if self.a.device == device else self.a


class Circuit(Frozen):
    """A line bought from a provider or laid by the ministry; `diverse_from` names circuits it shares no path with."""

    name: Name
    provider: Value[Words] | None = None
    circuit_id: Words | None = None
    contract: Name | None = None
    bandwidth_mbit: Number | None = None
    path_note: Words | None = None
    diverse_from: tuple[Name, ...] = ()


class DnsName(Frozen):
    """A DNS name beside those of the devices themselves; exactly one target.

    Attributes:
        devices: site -> device; the name points at one of them at a time and can be moved.
        active_site: where such a name points in the steady state.
        ttl: how long a resolver may keep an answer.
    """

    name: Fqdn
    device: Name | None = None
    service: Name | None = None
    alias: Fqdn | None = None
    address: Address | None = None
    devices: dict[Identifier, Name] | None = None
    active_site: Identifier | None = None
    ttl: Seconds | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        targets = (self.device, self.service, self.alias, self.address, self.devices)
        if sum(each is not None for each in targets) != 1:
            raise ValueError("a DNS name has exactly one of device, devices, service, alias and address")
        if self.devices is not None and self.active_site not in self.devices:
            raise ValueError("a name that can be moved has an active_site, one of its devices' sites")
        return self


class Certificate(Frozen):
    """A certificate that is kept in use; key and certificate are secret references."""

    name: Name
    subjects: tuple[Words, ...] = Field(min_length=1)
    authority: Name
    held_at: tuple[Name, ...] = ()
    certificate: SecretRef
    key: SecretRef
    contract: Name | None = None

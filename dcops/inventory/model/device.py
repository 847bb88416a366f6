"""Devices: everything with a name that can hold an address, a rack unit or a workload."""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from dcops.core.units import Bytes
from dcops.core.words import Frozen, Value
from dcops.inventory.model.base import (
    Count,
    Fqdn,
    Identifier,
    InterfaceAddress,
    MacAddress,
    Name,
    Watts,
    Words,
)
from dcops.inventory.model.place import Mode, Monitored


class Kind(StrEnum):
    """What a device is."""

    SERVER = "server"
    VM = "vm"
    HYPERVISOR_CLUSTER = "hypervisor_cluster"
    DATASTORE = "datastore"
    ARRAY = "array"
    ROUTER = "router"
    SWITCH = "switch"
    FIREWALL = "firewall"
    FACILITY = "facility"


# What has no operating system that answers at an address: it is counted, placed and depended on, never logged in to.
ABSTRACT_KINDS = frozenset({Kind.HYPERVISOR_CLUSTER, Kind.DATASTORE, Kind.ARRAY})


class Role(StrEnum):
    """What a device does."""

    ROUTER = "router"
    SWITCH = "switch"
    FIREWALL = "firewall"
    DATABASE = "database"
    APPLICATION = "application"
    BACKUP = "backup"
    BACKUP_COPY = "backup_copy"
    OPERATIONS = "operations"
    BASE = "base"
    MAIL = "mail"
    FACILITY = "facility"
    GATEWAY = "gateway"
    HYPERVISOR = "hypervisor"
    STORAGE = "storage"


class Lifecycle(StrEnum):
    """Where a device stands in its life; only `active` ones are provisioned and monitored."""

    PLANNED = "planned"
    ACTIVE = "active"
    RETIRED = "retired"


class InterfaceRole(StrEnum):
    """What an interface carries."""

    LAN = "lan"
    LINK = "link"
    LOOPBACK = "loopback"
    MANAGEMENT = "management"


class Interface(Frozen):
    """A network interface; `network` names a prefix of the inventory."""

    name: Words = Field(max_length=15)
    role: InterfaceRole
    network: Name | None = None
    address: InterfaceAddress | None = None
    mac: MacAddress | None = None
    vrf: Name | None = None
    vlan: Name | None = None
    description: Words | None = None

    @property
    def ip(self) -> str | None:
        """Give the address without its prefix length."""
        return self.address.partition("/")[0] if self.address else None

    @property
    def prefix_length(self) -> int | None:
        """Give the prefix length of the address."""
        return int(self.address.partition("/")[2]) if self.address else None

    @property
    def ip_interface(self) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
        """Give the address as an object of the standard library."""
        return ipaddress.ip_interface(self.address) if self.address else None


class RackPosition(Frozen):
    """Where a device is mounted: it fills `height_units` from `unit` upwards."""

    rack: Name
    unit: Count = Field(ge=1)
    height_units: Count = Field(default=1, ge=1)

    @property
    def units(self) -> range:
        """Give the rack units it fills."""
        return range(self.unit, self.unit + self.height_units)


class Inlet(Frozen):
    """One power inlet: an outlet of a PDU."""

    pdu: Name
    outlet: Count = Field(ge=1)


class Power(Frozen):
    """What a device draws at full load, and from which outlets; two inlets on two sides survive the loss of one."""

    draw_watts: Watts
    inlets: tuple[Inlet, ...] = ()


class ClusterRef(Frozen):
    """A PostgreSQL cluster of a device."""

    device: Name
    cluster: Identifier


class PostgresqlCluster(Frozen):
    """A PostgreSQL cluster: its own port, and the cluster it is a streaming stand-by of."""

    port: Count = Field(ge=1, le=65535)
    follows: ClusterRef | None = None


class Device(Frozen):
    """One device.

    Attributes:
        site: the site it is at.
        roles: what it does; the first is its main role.
        groups: further Ansible groups it belongs to.
        cluster: of a virtual machine or a member server, the hypervisor cluster.
        datastores: of a virtual machine or cluster, where its disks lie; `array`: of a datastore, the array below it.
        depends_on: other devices it cannot work without.
        monitored: where it is read when it has no agent of its own.
        postgresql: the PostgreSQL clusters of a database server by name; none said means `main` at 5432.
    """

    name: Name
    fqdn: Fqdn
    kind: Kind
    site: Identifier
    roles: tuple[Role, ...] = ()
    platform: Identifier | None = None
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    mode: Mode | None = None
    groups: tuple[Identifier, ...] = ()
    position: RackPosition | None = None
    power: Power | None = None
    interfaces: tuple[Interface, ...] = ()
    serial: Words | None = None
    asset_code: Words | None = None
    model: Words | None = None
    owner: Value[Words] | None = None
    contract: Name | None = None
    tenant: Name | None = None
    cluster: Name | None = None
    datastores: tuple[Name, ...] = ()
    array: Name | None = None
    cpu_cores: Count | None = None
    memory: Bytes | None = None
    capacity: Bytes | None = None
    depends_on: tuple[Name, ...] = ()
    monitored: Monitored | None = None
    postgresql: Mapping[Identifier, PostgresqlCluster] = Field(default_factory=dict)
    notes: Words | None = None

    def interface(self, name: str) -> Interface | None:
        """Give the interface called `name`, or None."""
        return next((each for each in self.interfaces if each.name == name), None)

    def _first(self, *roles: InterfaceRole) -> Interface | None:
        """Give the first interface with an address whose role is among `roles`."""
        return next((each for each in self.interfaces if each.address and each.role in roles), None)

    @property
    def primary(self) -> Interface | None:
        """Give the interface it is reached at in-band: the first on a LAN, else on a link, else the loopback."""
        return self._first(InterfaceRole.LAN) or self._first(InterfaceRole.LINK) or self._first(InterfaceRole.LOOPBACK)

    @property
    def address(self) -> str | None:
        """Give the in-band address, without prefix length."""
        return self.primary.ip if self.primary else None

    @property
    def management_address(self) -> str | None:
        """Give the address on the management network, without prefix length."""
        found = self._first(InterfaceRole.MANAGEMENT)
        return found.ip if found else None

    @property
    def loopback_address(self) -> str | None:
        """Give the loopback address of a router, without prefix length."""
        found = self._first(InterfaceRole.LOOPBACK)
        return found.ip if found else None

    @property
    def role(self) -> Role | None:
        """Give its main role."""
        return self.roles[0] if self.roles else None

    @property
    def is_active(self) -> bool:
        """True when it is in service."""
        return self.lifecycle is Lifecycle.ACTIVE

    @property
    def is_reachable_kind(self) -> bool:
        """True when it is a system one can log in to or poll, and not a cluster, datastore or array."""
        return self.kind not in ABSTRACT_KINDS

    @property
    def rack(self) -> str | None:
        """Give the rack it is mounted in."""
        return self.position.rack if self.position else None

    @property
    def unit(self) -> int | None:
        """Give the lowest rack unit it fills."""
        return self.position.unit if self.position else None

    @property
    def height_units(self) -> int | None:
        """Give how many rack units it fills."""
        return self.position.height_units if self.position else None

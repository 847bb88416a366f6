"""The whole inventory as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from dcops.core.words import Environment, Frozen
from dcops.inventory.model.application import Application, Tenant, Upstream
from dcops.inventory.model.base import Identifier, Words
from dcops.inventory.model.device import Device
from dcops.inventory.model.evidence import TimeStampAuthority
from dcops.inventory.model.network import (
    Certificate,
    Circuit,
    DnsName,
    Link,
    Prefix,
    PrefixKind,
    ServiceAddress,
    Vlan,
    Vrf,
)
from dcops.inventory.model.people import Calendar, Contract, Credential, Person
from dcops.inventory.model.place import Mode, Pdu, PowerFeed, Rack, Room, Site, Ups
from dcops.inventory.model.policy import Policy


class Head(Frozen):
    """What an inventory says of itself."""

    name: Identifier
    environment: Environment
    mode: Mode = Mode.MANAGE
    title: Words
    include: tuple[Words, ...] = ()


@dataclass(frozen=True)
class Inventory:
    """Everything that should be, as the files of one inventory say it.

    Mappings are read-only and keep the order of the files; keys are names. `revision` is the SHA-256 of all content
    files (short form: `short_revision`), `root` the folder they were read from.
    """

    head: Head
    revision: str
    root: Path
    sites: Mapping[str, Site]
    rooms: Mapping[str, Room]
    racks: Mapping[str, Rack]
    feeds: Mapping[str, PowerFeed]
    ups: Mapping[str, Ups]
    pdus: Mapping[str, Pdu]
    devices: Mapping[str, Device]
    vrfs: Mapping[str, Vrf]
    vlans: Mapping[str, Vlan]
    prefixes: Mapping[str, Prefix]
    services: Mapping[str, ServiceAddress]
    links: Mapping[str, Link]
    circuits: Mapping[str, Circuit]
    names: Mapping[str, DnsName]
    certificates: Mapping[str, Certificate]
    contracts: Mapping[str, Contract]
    tenants: Mapping[str, Tenant]
    applications: Mapping[str, Application]
    upstreams: Mapping[str, Upstream]
    people: Mapping[str, Person]
    credentials: Mapping[str, Credential]
    time_stamp_authorities: Mapping[str, TimeStampAuthority]
    calendar: Calendar
    policy: Policy
    files: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """Give the inventory's name: that of its folder."""
        return self.head.name

    @property
    def environment(self) -> Environment:
        """Give the environment all its devices are in."""
        return self.head.environment

    @property
    def short_revision(self) -> str:
        """Give the first 12 digits of the revision, as banners show it."""
        return self.revision[:12]

    def mode_of(self, device: Device) -> Mode:
        """Give whether dcops may write on `device`: `observe` anywhere above it wins."""
        site = self.sites[device.site]
        observed = Mode.OBSERVE in (self.head.mode, site.mode, device.mode) or not site.is_managed
        return Mode.OBSERVE if observed else Mode.MANAGE

    def is_managed(self, device: Device) -> bool:
        """True when the device is the ministry's own and in service, so that playbooks and `dcops net` see it."""
        site = self.sites.get(device.site)
        return site is not None and site.is_managed and device.is_active and device.is_reachable_kind

    @cached_property
    def nodes(self) -> tuple[Device, ...]:
        """Give the systems one can log in to or poll: active, not a cluster, datastore or array, with an address."""
        return tuple(
            device
            for device in self.devices.values()
            if device.is_active and device.is_reachable_kind and device.interfaces
        )

    @cached_property
    def by_address(self) -> Mapping[str, Device]:
        """Map each interface address, without prefix length, to its device."""
        found = {each.ip: device for device in self.devices.values() for each in device.interfaces if each.ip}
        return MappingProxyType(found)

    def devices_at(self, site: str) -> tuple[Device, ...]:
        """Give the devices of a site, in file order."""
        return tuple(device for device in self.devices.values() if device.site == site)

    def devices_with_role(self, role: str, site: str | None = None) -> tuple[Device, ...]:
        """Give the active devices that have `role`, at one site if given."""
        return tuple(
            device
            for device in self.devices.values()
            if device.is_active and role in device.roles and site in (None, device.site)
        )

    def links_of(self, device: str) -> tuple[Link, ...]:
        """Give the links that end at `device`."""
        return tuple(link for link in self.links.values() if device in (link.a.device, link.b.device))

    def lan_of(self, site: str) -> Prefix | None:
        """Give the first LAN prefix of a site."""
        found = (each for each in self.prefixes.values() if each.kind is PrefixKind.LAN and each.site == site)
        return next(found, None)

    def applications_on(self, device: str) -> tuple[Application, ...]:
        """Give the applications that run on `device`, or would after a failover."""
        return tuple(each for each in self.applications.values() if device in each.devices())

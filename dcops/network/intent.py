"""The intended routing of the ministry's routers, computed from the inventory. Pure.

Routers peer with each neighbour on a link (external BGP between sites) and with each other router of their site over
the LAN (internal BGP). They announce their site's LANs and loopback and, where it is served, each service address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from dcops.core.errors import PlanError, UsageError
from dcops.core.text import did_you_mean
from dcops.inventory.model import Inventory
from dcops.inventory.model.device import Device, InterfaceRole, Role
from dcops.inventory.model.network import PrefixKind
from dcops.network.model import Announcement, Neighbour, RoutingIntent, ServiceAddress, Target

__all__ = ["Network", "network_of"]


@dataclass(frozen=True)
class Network:
    """The managed routers of an inventory with their intended routing, services not yet placed."""

    targets: tuple[Target, ...]
    services: tuple[ServiceAddress, ...]
    service_networks: tuple[str, ...]
    base: Mapping[str, RoutingIntent]
    names: Mapping[str, str]

    def target(self, name: str) -> Target:
        """The device called `name`; raise UsageError for an unknown one."""
        for target in self.targets:
            if target.name == name:
                return target
        raise _unknown("network device", name, [target.name for target in self.targets])

    def service(self, name: str) -> ServiceAddress:
        """The service called `name`; raise UsageError for an unknown one."""
        for service in self.services:
            if service.name == name:
                return service
        raise _unknown("service address", name, [service.name for service in self.services])

    def intent(self, device: str, serving: Mapping[str, str]) -> RoutingIntent:
        """The intended routing of `device` when each service of `serving` (service -> site) is announced there."""
        base = self.base[device]
        announcements = tuple(
            Announcement(service.name, service.prefix, service.next_hop(base.site) or "")
            for service in self.services
            if serving.get(service.name) == base.site
        )
        return RoutingIntent(
            base.device,
            base.site,
            base.asn,
            base.router_id,
            base.neighbours,
            base.networks,
            announcements,
            self.service_networks,
        )


def network_of(inventory: Inventory, addresses: Mapping[str, str] | None = None) -> Network:
    """The managed routers of `inventory`; `addresses` (name -> address) replaces in-band ones where sessions go
    another way. Raise PlanError for a router that lacks what routing needs."""
    routers = [device for device in inventory.devices_with_role(Role.ROUTER) if inventory.is_managed(device)]
    chosen = addresses or {}
    targets = tuple(
        Target(device.name, device.site, chosen.get(device.name) or device.address or "", device.platform or "")
        for device in routers
    )
    return Network(
        targets=targets,
        services=tuple(_services(inventory)),
        service_networks=tuple(
            prefix.network for prefix in inventory.prefixes.values() if prefix.kind is PrefixKind.SERVICE
        ),
        base={device.name: _intent(inventory, device) for device in routers},
        names={address: device.name for address, device in inventory.by_address.items()},
    )


def _services(inventory: Inventory) -> list[ServiceAddress]:
    services = []
    for service in inventory.services.values():
        hops = tuple(
            (site, inventory.devices[device].address or "") for site, device in sorted(service.next_hops.items())
        )
        services.append(ServiceAddress(service.name, service.address, service.active_site, hops))
    return services


def _intent(inventory: Inventory, device: Device) -> RoutingIntent:
    asn = inventory.sites[device.site].asn
    router_id = device.loopback_address
    if asn is None:
        raise PlanError(f"site {device.site} has no AS number", where=device.name, hint="Set asn in sites.yml.")
    if router_id is None:
        raise PlanError("the router has no loopback address", where=device.name, hint="Give it an interface lo.")
    lans = [
        prefix.network
        for prefix in inventory.prefixes.values()
        if prefix.kind is PrefixKind.LAN and prefix.site == device.site
    ]
    neighbours = tuple(chain(_external(inventory, device), _internal(inventory, device, asn)))
    return RoutingIntent(device.name, device.site, asn, router_id, neighbours, (*lans, f"{router_id}/32"))


def _external(inventory: Inventory, device: Device) -> list[Neighbour]:
    found = []
    for link in inventory.links_of(device.name):
        end = link.other(device.name)
        peer = inventory.devices[end.device]
        interface = peer.interface(end.interface)
        remote_as = inventory.sites[peer.site].asn
        if interface is None or interface.ip is None or remote_as is None:
            raise PlanError(f"{peer.name} has no address or AS number for link {link.name}", where=device.name)
        found.append(Neighbour(interface.ip, remote_as, peer.name, link.name, is_internal=False))
    return found


def _internal(inventory: Inventory, device: Device, asn: int) -> list[Neighbour]:
    found = []
    for peer in inventory.devices_with_role(Role.ROUTER, device.site):
        lan = next((each for each in peer.interfaces if each.role is InterfaceRole.LAN and each.ip), None)
        if peer.name != device.name and lan is not None and lan.ip is not None:
            found.append(Neighbour(lan.ip, asn, peer.name, "", is_internal=True))
    return found


def _unknown(what: str, name: str, known: Sequence[str]) -> UsageError:
    suggestion = did_you_mean(name, known)
    hint = f'Did you mean "{suggestion}"?' if suggestion else f"Known: {', '.join(known) or 'none'}."
    return UsageError(f'{what} "{name}" is unknown', hint=hint)

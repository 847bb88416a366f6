"""Addresses: unique, inside their networks, and allowed in the inventory's environment. Pure."""

import ipaddress
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

from dcops.core.words import Environment
from dcops.inventory.finding import Finding
from dcops.inventory.lab_ranges import is_lab_address, is_lab_name
from dcops.inventory.model import InterfaceRole, Inventory

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Keys = tuple[str | int, ...]

_LAB_HINT = "A lab uses only 198.18.0.0/15, 2001:db8::/32 and names under .test."


@lru_cache(maxsize=65536)
def _network(text: str) -> IpNetwork:
    return ipaddress.ip_network(text)


def check(inventory: Inventory) -> Iterator[Finding]:
    """Give findings on duplicate, misplaced and forbidden addresses and names."""
    yield from _duplicates(inventory)
    yield from _outside(inventory)
    yield from _duplicate_networks(inventory)
    yield from _gateways(inventory)
    if inventory.environment is Environment.TWIN:
        yield from _not_for_a_lab(inventory)


def _vrf(inventory: Inventory, vrf: str | None, network: str | None) -> str | None:
    prefix = inventory.prefixes.get(network or "")
    return vrf or (prefix.vrf if prefix else None)


def _duplicates(inventory: Inventory) -> Iterator[Finding]:
    """An address is used once in its VRF, a MAC address once, a DNS name once."""
    addresses: dict[tuple[str | None, str], str] = {}
    macs: dict[str, str] = {}
    names: dict[str, str] = {}
    for device in inventory.devices.values():
        yield from _once(names, device.fqdn, device.name, "devices", device.name, ("fqdn",))
        for each in device.interfaces:
            keys: Keys = ("interfaces", each.name, "address")
            place = f"{device.name} {each.name}"
            if each.ip:
                key = (_vrf(inventory, each.vrf, each.network), each.ip)
                if key in addresses:
                    message = f"{each.ip} is used by {addresses[key]} too"
                    yield Finding("devices", device.name, keys, message, "Give one of them another address.")
                addresses.setdefault(key, place)
            if each.mac:
                yield from _once(macs, each.mac, place, "devices", device.name, ("interfaces", each.name, "mac"))
    for service in inventory.services.values():
        if (None, service.ip) in addresses:
            message = f"{service.ip} is used by {addresses[None, service.ip]} too"
            yield Finding("services", service.name, ("address",), message, "A service address belongs to no interface.")
        addresses.setdefault((None, service.ip), f"service {service.name}")
        yield from _once(names, service.fqdn, service.name, "services", service.name, ("fqdn",))
    for entry in inventory.names.values():
        yield from _once(names, entry.name, entry.name, "names", entry.name, ())


def _once(seen: dict[str, str], value: str, owner: str, section: str, name: str, keys: Keys) -> Iterator[Finding]:
    if value in seen:
        yield Finding(section, name, keys, f"{value} is used by {seen[value]} too", "Change one of them.")
    seen.setdefault(value, owner)


def _outside(inventory: Inventory) -> Iterator[Finding]:
    """An interface's address lies in the prefix it names, with that prefix's length (a loopback's is full)."""
    for device in inventory.devices.values():
        for each in device.interfaces:
            prefix = inventory.prefixes.get(each.network or "")
            if prefix is None or each.address is None:
                continue
            network, address = _network(prefix.network), ipaddress.ip_address(each.ip or "")
            keys: Keys = ("interfaces", each.name, "address")
            if address not in network:
                message = f"{each.ip} is not in {prefix.name} ({prefix.network})"
                yield Finding("devices", device.name, keys, message, "Correct the address or the network.")
            elif each.role is not InterfaceRole.LOOPBACK and each.prefix_length != network.prefixlen:
                message = f"{each.address} has not the length of {prefix.name} ({prefix.network})"
                yield Finding("devices", device.name, keys, message, f"Write {each.ip}/{network.prefixlen}.")
            elif _is_network_or_broadcast(address, network):
                message = f"{each.ip} is the network or broadcast address of {prefix.network}"
                yield Finding("devices", device.name, keys, message, "Choose a host address.")


def _is_network_or_broadcast(address: IpAddress, network: IpNetwork) -> bool:
    if network.prefixlen >= network.max_prefixlen - 1 or network.version == 6:
        return False
    return address in (network.network_address, network.broadcast_address)


def _duplicate_networks(inventory: Inventory) -> Iterator[Finding]:
    seen: dict[tuple[str | None, str], str] = {}
    for prefix in inventory.prefixes.values():
        key = (prefix.vrf, prefix.network)
        if key in seen:
            message = f"{prefix.network} is the network of {seen[key]} too"
            yield Finding("prefixes", prefix.name, ("network",), message, "Keep one, or give them different VRFs.")
        seen.setdefault(key, prefix.name)


def _gateways(inventory: Inventory) -> Iterator[Finding]:
    """A gateway lies in its prefix; a virtual one is nobody's own address."""
    for prefix in inventory.prefixes.values():
        if prefix.gateway is None:
            continue
        if ipaddress.ip_address(prefix.gateway) not in _network(prefix.network):
            message = f"{prefix.gateway} is not in {prefix.network}"
            yield Finding("prefixes", prefix.name, ("gateway",), message, "Choose an address of the prefix.")
        owner = inventory.by_address.get(prefix.gateway)
        if prefix.vrrp and owner:
            message = f"{prefix.gateway} is {owner.name}'s own address"
            yield Finding("prefixes", prefix.name, ("gateway",), message, "A virtual address belongs to no interface.")


def _not_for_a_lab(inventory: Inventory) -> Iterator[Finding]:
    """In a twin every address and name must be one that cannot exist outside."""
    for section, name, keys, text in _addresses(inventory):
        if not is_lab_address(text):
            yield Finding(section, name, keys, f"{text} is not allowed in a twin", _LAB_HINT)
    for section, name, keys, text in _names(inventory):
        if not (is_lab_address(text) if _is_address(text) else is_lab_name(text)):
            yield Finding(section, name, keys, f'"{text}" is not allowed in a twin', _LAB_HINT)


def _addresses(inventory: Inventory) -> Iterator[tuple[str, str, Keys, str]]:
    for device in inventory.devices.values():
        for each in device.interfaces:
            if each.ip:
                yield "devices", device.name, ("interfaces", each.name, "address"), each.ip
    for prefix in inventory.prefixes.values():
        yield "prefixes", prefix.name, ("network",), prefix.network
    for service in inventory.services.values():
        yield "services", service.name, ("address",), service.address
    for entry in inventory.names.values():
        if entry.address:
            yield "names", entry.name, ("address",), entry.address
    yield from _upstream_addresses(inventory)


def _upstream_addresses(inventory: Inventory) -> Iterator[tuple[str, str, Keys, str]]:
    for key, upstream in inventory.upstreams.items():
        for index, network in enumerate(upstream.networks):
            yield "upstreams", key, ("networks", index), network
        for router, address in (upstream.probe.bgp_neighbors if upstream.probe else {}).items():
            yield "upstreams", key, ("probe", "bgp_neighbors", router), address


def _names(inventory: Inventory) -> Iterator[tuple[str, str, Keys, str]]:
    for site in inventory.sites.values():
        yield "sites", site.name, ("domain",), site.domain
    for device in inventory.devices.values():
        if device.site in inventory.sites:  # else its name is made from nothing, and that is reported
            yield "devices", device.name, ("fqdn",), device.fqdn
    for service in inventory.services.values():
        yield "services", service.name, ("fqdn",), service.fqdn
    for entry in inventory.names.values():
        yield "names", entry.name, (), entry.name
        if entry.alias:
            yield "names", entry.name, ("alias",), entry.alias
    for person in inventory.people.values():
        if person.email:
            yield "people", person.name, ("email",), person.email.partition("@")[2]
    yield from _url_hosts(inventory)


def _url_hosts(inventory: Inventory) -> Iterator[tuple[str, str, Keys, str]]:
    for key, upstream in inventory.upstreams.items():
        if upstream.fqdn:
            yield "upstreams", key, ("fqdn",), upstream.fqdn
        if upstream.probe and upstream.probe.https_url:
            yield "upstreams", key, ("probe", "https_url"), _host(upstream.probe.https_url)
    for key, application in inventory.applications.items():
        for name, endpoint in application.endpoints.items():
            yield "applications", key, ("endpoints", name, "url"), _host(endpoint.url)
    for key, authority in inventory.time_stamp_authorities.items():
        if not _is_here(_host(authority.url)):
            yield "time_stamp_authorities", key, ("url",), _host(authority.url)


def _is_here(host: str) -> bool:
    """True for this machine itself, where a lab may run an authority of its own."""
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(text: str) -> bool:
    """True when a URL's host is an address and not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _host(url: str) -> str:
    """Give the host of a URL as clients read it, without port; empty when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""

"""Every name that one item uses of another must be there. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dcops.core.text import did_you_mean
from dcops.inventory.finding import Finding
from dcops.inventory.model import Inventory, Monitored

Keys = tuple[str | int, ...]
Names = Mapping[str, set[str]]


@dataclass(frozen=True)
class Reference:
    """The item `name` of `section` uses `target`, an item of `into`, at `keys`."""

    section: str
    name: str
    keys: Keys
    into: str
    target: str | None


def check(inventory: Inventory, names: Names) -> Iterator[Finding]:
    """Give a finding for each reference that leads nowhere."""
    for each in _all(inventory):
        if each.target is None or each.target in names.get(each.into, ()):
            continue
        close = did_you_mean(each.target, names.get(each.into, ()))
        hint = f'Did you mean "{close}"?' if close else f"Add it under {each.into}: or remove the reference."
        yield Finding(each.section, each.name, each.keys, f'"{each.target}" is not in {each.into}', hint)
    yield from _interfaces_of_links(inventory)
    yield from _clusters(inventory)
    yield from _catalogue(names)


def _catalogue(names: Names) -> Iterator[Finding]:
    """Each entry of the catalogue is said to be hosted or not, and nothing else is."""
    catalogue, operated = names.get("catalogue", set()), names.get("applications", set())
    for key in sorted(operated - catalogue):
        close = did_you_mean(key, catalogue)
        hint = f'Did you mean "{close}"?' if close else "Add it under catalogue: with its names and clauses."
        yield Finding("applications", key, (), f'"{key}" is not in catalogue', hint)
    for key in sorted(catalogue - operated):
        message = "nothing says whether it is hosted here"
        yield Finding("catalogue", key, (), message, f"Add applications: {key}: {{hosting: {{state: not_hosted}}}}.")


def _all(inventory: Inventory) -> Iterator[Reference]:
    yield from _places(inventory)
    yield from _devices(inventory)
    yield from _networks(inventory)
    yield from _applications(inventory)
    yield from _custody(inventory)


def _many(section: str, name: str, key: str, into: str, targets: Iterable[str]) -> Iterator[Reference]:
    for index, target in enumerate(targets):
        yield Reference(section, name, (key, index), into, target)


def _reader(monitored: Monitored | None) -> str | None:
    return monitored.device if monitored else None


def _places(inventory: Inventory) -> Iterator[Reference]:
    for site in inventory.sites.values():
        yield Reference("sites", site.name, ("operations_server",), "devices", site.operations_server)
    for room in inventory.rooms.values():
        yield Reference("rooms", room.name, ("site",), "sites", room.site)
    for rack in inventory.racks.values():
        yield Reference("racks", rack.name, ("room",), "rooms", rack.room)
    for feed in inventory.feeds.values():
        yield Reference("feeds", feed.name, ("site",), "sites", feed.site)
        yield from _many("feeds", feed.name, "ups", "ups", feed.ups)
    for ups in inventory.ups.values():
        yield Reference("ups", ups.name, ("site",), "sites", ups.site)
        yield Reference("ups", ups.name, ("room",), "rooms", ups.room)
        yield Reference("ups", ups.name, ("contract",), "contracts", ups.contract)
        yield Reference("ups", ups.name, ("monitored", "device"), "devices", _reader(ups.monitored))
    for pdu in inventory.pdus.values():
        yield Reference("pdus", pdu.name, ("rack",), "racks", pdu.rack)
        yield Reference("pdus", pdu.name, ("feed",), "feeds", pdu.feed)
        yield Reference("pdus", pdu.name, ("monitored", "device"), "devices", _reader(pdu.monitored))


def _devices(inventory: Inventory) -> Iterator[Reference]:
    for device in inventory.devices.values():
        name = device.name
        yield Reference("devices", name, ("site",), "sites", device.site)
        yield Reference("devices", name, ("position", "rack"), "racks", device.rack)
        yield Reference("devices", name, ("contract",), "contracts", device.contract)
        yield Reference("devices", name, ("tenant",), "tenants", device.tenant)
        yield Reference("devices", name, ("cluster",), "devices", device.cluster)
        yield Reference("devices", name, ("array",), "devices", device.array)
        yield Reference("devices", name, ("monitored", "device"), "devices", _reader(device.monitored))
        yield from _many("devices", name, "datastores", "devices", device.datastores)
        yield from _many("devices", name, "depends_on", "devices", device.depends_on)
        for index, inlet in enumerate(device.power.inlets if device.power else ()):
            yield Reference("devices", name, ("power", "inlets", index, "pdu"), "pdus", inlet.pdu)
        for cluster, each in device.postgresql.items():
            followed = each.follows.device if each.follows else None
            yield Reference("devices", name, ("postgresql", cluster, "follows", "device"), "devices", followed)
        for interface in device.interfaces:
            keys = ("interfaces", interface.name)
            yield Reference("devices", name, (*keys, "network"), "prefixes", interface.network)
            yield Reference("devices", name, (*keys, "vrf"), "vrfs", interface.vrf)
            yield Reference("devices", name, (*keys, "vlan"), "vlans", interface.vlan)


def _networks(inventory: Inventory) -> Iterator[Reference]:
    for vlan in inventory.vlans.values():
        yield Reference("vlans", vlan.name, ("site",), "sites", vlan.site)
    for prefix in inventory.prefixes.values():
        name = prefix.name
        yield Reference("prefixes", name, ("site",), "sites", prefix.site)
        yield Reference("prefixes", name, ("vrf",), "vrfs", prefix.vrf)
        yield Reference("prefixes", name, ("vlan",), "vlans", prefix.vlan)
        yield Reference("prefixes", name, ("tenant",), "tenants", prefix.tenant)
        yield from _many("prefixes", name, "dns", "devices", prefix.dns)
        yield from _many("prefixes", name, "ntp", "devices", prefix.ntp)
        for router in prefix.vrrp.priorities if prefix.vrrp else ():
            yield Reference("prefixes", name, ("vrrp", "priorities", router), "devices", router)
    for service in inventory.services.values():
        yield Reference("services", service.name, ("application",), "applications", service.application)
        yield Reference("services", service.name, ("active_site",), "sites", service.active_site)
        for site, device in service.next_hops.items():
            yield Reference("services", service.name, ("next_hops", site), "sites", site)
            yield Reference("services", service.name, ("next_hops", site), "devices", device)
    for link in inventory.links.values():
        yield Reference("links", link.name, ("a", "device"), "devices", link.a.device)
        yield Reference("links", link.name, ("b", "device"), "devices", link.b.device)
        yield Reference("links", link.name, ("network",), "prefixes", link.network)
        yield Reference("links", link.name, ("circuit",), "circuits", link.circuit)
    for circuit in inventory.circuits.values():
        yield Reference("circuits", circuit.name, ("contract",), "contracts", circuit.contract)
        yield from _many("circuits", circuit.name, "diverse_from", "circuits", circuit.diverse_from)
    for entry in inventory.names.values():
        yield Reference("names", entry.name, ("device",), "devices", entry.device)
        for site, device in (entry.devices or {}).items():
            yield Reference("names", entry.name, ("devices", site), "sites", site)
            yield Reference("names", entry.name, ("devices", site), "devices", device)
        yield Reference("names", entry.name, ("service",), "services", entry.service)


def _applications(inventory: Inventory) -> Iterator[Reference]:
    for key, application in inventory.applications.items():
        yield Reference("applications", key, ("tenant",), "tenants", application.operations.tenant)
        yield from _many("applications", key, "dependencies", "applications", application.dependencies)
        for index, host in enumerate(application.hosts):
            yield Reference("applications", key, ("hosts", index, "device"), "devices", host.device)
        for name, endpoint in application.endpoints.items():
            yield Reference("applications", key, ("endpoints", name, "service"), "services", endpoint.service)
        for index, integration in enumerate(application.integrations):
            keys = ("integrations", index, "application")
            yield Reference("catalogue", key, keys, "catalogue", integration.application)
    for tenant in inventory.tenants.values():
        yield Reference("tenants", tenant.name, ("agreement",), "contracts", tenant.agreement)
        yield from _many("tenants", tenant.name, "prefixes", "prefixes", tenant.prefixes)
    for key, upstream in inventory.upstreams.items():
        yield from _many("upstreams", key, "links", "links", upstream.links)
        for router in upstream.probe.bgp_neighbors if upstream.probe else ():
            yield Reference("upstreams", key, ("probe", "bgp_neighbors", router), "devices", router)


def _custody(inventory: Inventory) -> Iterator[Reference]:
    for credential in inventory.credentials.values():
        yield from _many("credentials", credential.name, "held_at", "devices", credential.held_at)
        yield from _many("credentials", credential.name, "held_by", "people", credential.held_by)
    for certificate in inventory.certificates.values():
        yield from _many("certificates", certificate.name, "held_at", "devices", certificate.held_at)
        yield Reference("certificates", certificate.name, ("contract",), "contracts", certificate.contract)
    for entry in inventory.calendar.maintenance.values():
        keys = ("maintenance", entry.name)
        yield Reference("calendar", "", (*keys, "responsible"), "people", entry.responsible)
        yield Reference("calendar", "", (*keys, "approved_by"), "people", entry.approved_by)


def _interfaces_of_links(inventory: Inventory) -> Iterator[Finding]:
    """A link ends at interfaces that are there and lie in the link's network."""
    for link in inventory.links.values():
        for side, end in zip("ab", link.ends, strict=True):
            device = inventory.devices.get(end.device)
            if device is None:
                continue
            interface = device.interface(end.interface)
            if interface is None:
                known = ", ".join(each.name for each in device.interfaces) or "none"
                message = f'{device.name} has no interface "{end.interface}"'
                yield Finding("links", link.name, (side, "interface"), message, f"Its interfaces: {known}.")
            elif interface.network != link.network:
                message = f"{device.name} {interface.name} is in {interface.network}, the link in {link.network}"
                yield Finding("links", link.name, (side, "interface"), message, "Make them the same prefix.")


def _clusters(inventory: Inventory) -> Iterator[Finding]:
    """A PostgreSQL cluster follows one that is there, another than itself; no two of a device share a port."""
    for device in inventory.devices.values():
        ports: dict[int, str] = {}
        for name, cluster in device.postgresql.items():
            keys = ("postgresql", name)
            other = ports.setdefault(cluster.port, name)
            if other != name:
                message = f"port {cluster.port} is that of {other} too"
                yield Finding("devices", device.name, (*keys, "port"), message, "Choose a free port.")
            if cluster.follows is None:
                continue
            followed = inventory.devices.get(cluster.follows.device)
            known = followed.postgresql if followed else {}
            wanted = cluster.follows.cluster
            if followed and (wanted not in known or known[wanted].follows):
                message = f'"{wanted}" is no cluster of {followed.name} that could be followed'
                free = ", ".join(key for key, each in known.items() if not each.follows) or "none"
                hint = f"Clusters that follow no other: {free}."
                yield Finding("devices", device.name, (*keys, "follows", "cluster"), message, hint)

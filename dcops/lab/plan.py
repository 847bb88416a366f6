"""From an inventory to the twin that stands for it. Pure."""

from dcops.core.errors import PlanError
from dcops.core.words import Environment
from dcops.inventory.model import Device, InterfaceRole, Inventory
from dcops.lab.model import DnsName, Interface, Link, Neighbor, NetworkKind, Node, Router, Topology, Vrrp

_KINDS = {
    InterfaceRole.MANAGEMENT: NetworkKind.MANAGEMENT,
    InterfaceRole.LAN: NetworkKind.LAN,
    InterfaceRole.LINK: NetworkKind.WAN,
    InterfaceRole.LOOPBACK: NetworkKind.LOOPBACK,
}


def plan_topology(inventory: Inventory) -> Topology:
    """Draw the twin of an inventory: every system one can log in to becomes a node, every link a cable.

    Raises PlanError for an inventory that is not a twin's, or that lacks what a node needs.
    """
    if inventory.environment is not Environment.TWIN:
        raise PlanError(
            f'the inventory "{inventory.name}" is of environment {inventory.environment}',
            where=str(inventory.root),
            hint="Only an inventory of environment twin is built here, such as inventory/lab.",
        )
    management = next((p for p in inventory.prefixes.values() if p.kind.value == "management"), None)
    if management is None:
        raise PlanError(
            "no prefix of kind management", where=str(inventory.root), hint="Add 198.19.0.0/24 to the prefixes."
        )
    links = _links(inventory)
    host = management.gateway or f"{str(management.network).rpartition('.')[0]}.1"
    return Topology(
        inventory=inventory.name,
        nodes=tuple(_node(inventory, device) for device in inventory.nodes),
        links=links,
        names=_names(inventory),
        management_prefix=str(management.network),
        management_host=str(host),
    )


def _names(inventory: Inventory) -> tuple[DnsName, ...]:
    services = [DnsName(name=s.fqdn, address=s.ip) for s in inventory.services.values()]
    devices = {n.name: inventory.devices[n.device].address for n in inventory.names.values() if n.device}
    fixed = (DnsName(name=name, address=address) for name, address in devices.items() if address)
    movable = (
        DnsName(name=entry.name, address=address, is_movable=True)
        for entry in inventory.names.values()
        for device in (entry.devices or {}).values()
        if (address := inventory.devices[device].address)
    )
    return (*services, *fixed, *movable)


def _links(inventory: Inventory) -> tuple[Link, ...]:
    nodes = {device.name for device in inventory.nodes}
    return tuple(
        Link(name=link.name, ends=((link.a.device, link.a.interface), (link.b.device, link.b.interface)))
        for link in inventory.links.values()
        if link.a.device in nodes and link.b.device in nodes
    )


def _node(inventory: Inventory, device: Device) -> Node:
    site = inventory.sites[device.site]
    lan = inventory.lan_of(device.site)
    is_router = device.kind.value == "router"
    if device.management_address is None:
        raise PlanError(
            "no management address", where=device.name, hint="A node needs an interface of role management."
        )
    on_lan = next((i for i in device.interfaces if i.role is InterfaceRole.LAN), None)
    gateway = lan.gateway if lan and on_lan and not is_router else None
    return Node(
        name=device.name,
        site=device.site,
        fqdn=device.fqdn,
        roles=tuple(role.value for role in device.roles),
        interfaces=_interfaces(inventory, device),
        gateway=str(gateway) if gateway else None,
        gateway_interface=on_lan.name if gateway and on_lan else None,
        router=_router(inventory, device) if is_router else None,
        is_ministry=site.is_managed,
    )


def _interfaces(inventory: Inventory, device: Device) -> tuple[Interface, ...]:
    cabled = {
        end.interface: link.name
        for link in inventory.links_of(device.name)
        for end in link.ends
        if end.device == device.name
    }
    found = []
    for each in device.interfaces:
        kind = _KINDS[each.role]
        if kind is NetworkKind.WAN and each.name not in cabled:
            continue
        network = {NetworkKind.LAN: device.site, NetworkKind.WAN: cabled.get(each.name, "")}.get(kind, "")
        addresses = (each.address,) if each.address else ()
        found.append(Interface(name=each.name, kind=kind, network=network, addresses=addresses))
    return _with_services(tuple(found), inventory, device)


def _with_services(interfaces: tuple[Interface, ...], inventory: Inventory, device: Device) -> tuple[Interface, ...]:
    """Add the service addresses a node may have to answer for; routing decides which site's node gets to."""
    held = tuple(s.address for s in inventory.services.values() if device.name in s.next_hops.values())
    have = {address for interface in interfaces for address in interface.addresses}
    missing = tuple(str(address) for address in held if str(address) not in have)
    if not missing:
        return interfaces
    loopback = next((i for i in interfaces if i.kind is NetworkKind.LOOPBACK), None)
    if loopback is None:
        return (*interfaces, Interface(name="lo", kind=NetworkKind.LOOPBACK, addresses=missing))
    full = loopback.model_copy(update={"addresses": (*loopback.addresses, *missing)})
    return tuple(full if i is loopback else i for i in interfaces)


def _router(inventory: Inventory, device: Device) -> Router:
    asn = inventory.sites[device.site].asn
    if asn is None:
        raise PlanError("the site has no AS number", where=device.name, hint=f"Set asn of site {device.site}.")
    neighbors, first_routes = [], []
    for link in inventory.links_of(device.name):
        end = link.other(device.name)
        peer = inventory.devices[end.device]
        far = peer.interface(end.interface)
        peer_asn = inventory.sites[peer.site].asn
        if far and far.ip and peer_asn:
            neighbors.append(Neighbor(address=far.ip, asn=peer_asn, name=peer.name))
        lan = inventory.lan_of(peer.site)
        managed = all(inventory.sites[site].is_managed for site in (peer.site, device.site))
        if far and far.ip and lan and managed and peer.site != device.site:
            first_routes.append((str(lan.network), far.ip))
    router_id = device.loopback_address or device.address or "0.0.0.0"  # noqa: S104 - never used as an address
    return Router(
        asn=asn,
        router_id=router_id,
        vrrp=_vrrp(inventory, device),
        neighbors=tuple(neighbors),
        first_routes=tuple(first_routes),
    )


def _vrrp(inventory: Inventory, device: Device) -> Vrrp | None:
    lan = inventory.lan_of(device.site)
    on_lan = next((i for i in device.interfaces if i.role is InterfaceRole.LAN), None)
    if lan is None or lan.vrrp is None or on_lan is None or device.name not in lan.vrrp.priorities:
        return None
    length = str(lan.network).partition("/")[2]
    address = f"{lan.gateway}/{length}"
    return Vrrp(interface=on_lan.name, group=lan.vrrp.group, address=address, priority=lan.vrrp.priorities[device.name])

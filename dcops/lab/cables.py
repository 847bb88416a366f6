"""How a twin is wired: the batches of `ip` commands and kernel settings, computed and not executed. Pure.

Every veth has one end in the node and the plug in a namespace of the twin: the management bridge, the site's bridge or
the bridge of one wide-area link. So a fault can hit one end, one direction, or be silent, and nothing touches the host.
"""

import hashlib
from dataclasses import dataclass

from dcops.lab.model import (
    MANAGEMENT_BRIDGE,
    SITE_BRIDGE,
    Interface,
    NetworkKind,
    Node,
    Topology,
    Twin,
    port_name,
)

_EVERYWHERE = (
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
)
_NODE = (
    *_EVERYWHERE,
    # Two routers a site: the way out and the way back differ.
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.fib_multipath_hash_policy=1",
    "net.ipv4.conf.all.ignore_routes_with_linkdown=1",
    "net.ipv4.ping_group_range=0 2147483647",
)


@dataclass(frozen=True)
class Batch:
    """Lines for one `ip -n NAMESPACE -batch -`."""

    namespace: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Space:
    """A namespace to make: its kernel settings, and a fingerprint of everything in it."""

    namespace: str
    sysctls: tuple[str, ...]
    fingerprint: str


def infrastructure(twin: Twin, topology: Topology) -> tuple[Space, ...]:
    """Give the namespaces that hold the bridges: management, one a site, the wide area."""
    names = (twin.management, twin.wan, *(twin.hub(site) for site in topology.sites))
    return tuple(Space(name, _EVERYWHERE, "bridges") for name in names)


def bridges(twin: Twin, topology: Topology) -> dict[str, tuple[str, ...]]:
    """Give namespace -> the bridges it must hold."""
    wanted = {twin.management: (MANAGEMENT_BRIDGE,), twin.wan: tuple(link.name for link in topology.links)}
    return wanted | {twin.hub(site): (SITE_BRIDGE,) for site in topology.sites}


def plan_bridges(twin: Twin, topology: Topology, present: dict[str, frozenset[str]]) -> tuple[Batch, ...]:
    """Give the batches that make the bridges missing in `present` (namespace -> interface names)."""
    batches = []
    for namespace, names in bridges(twin, topology).items():
        there = present.get(namespace, frozenset())
        lines: list[str] = [] if there & set(names) else ["link set dev lo up"]
        for name in names:
            if name not in there:
                # stp and snooping off: a port forwards at once, and multicast (VRRP) is flooded
                lines.append(f"link add name {name} type bridge stp_state 0 mcast_snooping 0")
                lines.append(f"link set dev {name} up")
                if name == MANAGEMENT_BRIDGE and namespace == twin.management:
                    length = topology.management_prefix.partition("/")[2]
                    lines.append(f"address add {topology.management_host}/{length} dev {name}")
        if lines:
            batches.append(Batch(namespace, tuple(lines)))
    return tuple(batches)


def node_space(twin: Twin, node: Node) -> Space:
    """Give the namespace of a node; its fingerprint changes whenever its wiring does."""
    sysctls = list(_NODE)
    if node.router:
        # The virtual address is on an interface of its own: without these a router that is only the spare answers for
        # it with its own MAC on the lan, and hosts send everything to the spare.
        sysctls += ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"]
    text = "\n".join([*sysctls, *(line for b in plan_node(twin, node) for line in b.lines)])
    return Space(twin.node(node.name), tuple(sysctls), hashlib.sha256(text.encode()).hexdigest()[:12])


def plan_node(twin: Twin, node: Node) -> tuple[Batch, ...]:
    """Give the batches that plug a node in and give it its addresses and routes, in the order to run them."""
    batches = [
        Batch(*plugged) for interface in node.interfaces if (plugged := _plug(twin, node, interface)) is not None
    ]
    inside = ["link set dev lo up"]
    for interface in node.interfaces:
        inside += _addresses(interface)
    if node.router and (vrrp := node.router.vrrp):
        inside += [
            f"link add name {vrrp.macvlan} link {vrrp.interface} type macvlan mode bridge",
            f"link set dev {vrrp.macvlan} address {vrrp.mac}",
            f"address add {vrrp.address} dev {vrrp.macvlan}",
            f"link set dev {vrrp.macvlan} up",
        ]
    if node.gateway and node.gateway_interface:
        # Only the twin's own addresses are reachable: a default route would be a way to try others.
        inside.append(f"route add 198.18.0.0/16 via {node.gateway} dev {node.gateway_interface} src {node.address}")
    return (*batches, Batch(twin.node(node.name), tuple(inside)))


def late_sysctls(node: Node) -> tuple[str, ...]:
    """Give the kernel settings that need the interfaces: routers never forward onto the management bridge."""
    management = node.interface(NetworkKind.MANAGEMENT)
    return (f"net.ipv4.conf.{management.name}.forwarding=0",) if node.router and management else ()


def plugs(twin: Twin, node: Node) -> tuple[tuple[str, str], ...]:
    """Give (namespace, interface) of every plug of a node: what powering it off takes down."""
    found = []
    for interface in node.interfaces:
        plugged = _plug(twin, node, interface)
        if plugged is not None:
            namespace, lines = plugged
            found.append((namespace, lines[0].split()[3]))
    return tuple(found)


def _plug(twin: Twin, node: Node, interface: Interface) -> tuple[str, tuple[str, ...]] | None:
    if interface.kind is NetworkKind.MANAGEMENT:
        namespace, bridge, port = twin.management, MANAGEMENT_BRIDGE, port_name(node.name)
    elif interface.kind is NetworkKind.LAN:
        namespace, bridge, port = twin.hub(node.site), SITE_BRIDGE, port_name(node.name)
    elif interface.kind is NetworkKind.WAN:
        namespace, bridge, port = twin.wan, interface.network, port_name(interface.network, node.name)
    else:
        return None
    lines = [
        f"link add name {port} type veth peer name {interface.name} netns {twin.node(node.name)}",
        f"link set dev {port} master {bridge}",
    ]
    if interface.kind is NetworkKind.MANAGEMENT:
        # Nodes talk in-band only, or a cut of the wide area would not be one.
        lines.append(f"link set dev {port} type bridge_slave isolated on")
    return namespace, (*lines, f"link set dev {port} up")


def _addresses(interface: Interface) -> list[str]:
    lines = [f"address add {address} dev {interface.name}" for address in interface.addresses]
    return lines if interface.kind is NetworkKind.LOOPBACK else [*lines, f"link set dev {interface.name} up"]

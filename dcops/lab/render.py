"""The files a node boots with, as text. Pure: everything secret is passed in by who writes them."""

import hashlib

from dcops.lab.model import NetworkKind, Node, Topology

VRRP_INTERVAL_MS = 100
_FIRST_ROUTE_DISTANCE = 250  # any routing protocol wins over it


def machine_id(seed: str, node: str) -> str:
    """Give a node's machine-id: fixed by the twin's seed, so that a restored disk is still the same machine."""
    return hashlib.sha256(f"{seed}\0{node}".encode()).hexdigest()[:32]


def hosts(topology: Topology, node: Node) -> str:
    """Give /etc/hosts: the in-band names of every node, known before there is a DNS server."""
    lines = ["127.0.0.1 localhost", f"# names of the twin drawn from inventory {topology.inventory}"]
    lines += [f"{each.address} {each.fqdn} {each.name}" for each in topology.nodes]
    for other in (each for each in topology.names if not each.is_movable):
        short, _, domain = other.name.partition(".")
        lines.append(f"{other.address} {other.name}" + (f" {short}" if domain == node.domain else ""))
    return "\n".join(lines) + f"\n# this node: {node.name}\n"


def resolv_conf(topology: Topology, node: Node) -> str:
    """Give /etc/resolv.conf: the site's base servers first, else the gateway of the national side."""
    servers = [n.address for n in topology.having("base") if n.site == node.site]
    servers += [n.address for n in topology.having("base") if n.site != node.site and n.is_ministry == node.is_ministry]
    if not node.is_ministry:
        servers = [n.address for n in topology.having("gateway") if n.site == node.site]
    lines = [f"search {node.domain}", "options timeout:1 attempts:2", *(f"nameserver {s}" for s in servers[:3])]
    return "\n".join(lines) + "\n"


def frr_conf(node: Node) -> str:
    """Give a router's boot configuration.

    The ministry's routers boot with name, agent and first-hop redundancy; their routing is brought by `dcops net`. The
    national side is nobody's to configure here, so its router boots complete.
    """
    router = node.router
    assert router is not None
    lines = ["frr defaults traditional", f"hostname {node.name}", "log syslog informational", "agentx"]
    lines += ["service integrated-vtysh-config", "!"]
    if router.vrrp:
        vrrp = router.vrrp
        group = f" vrrp {vrrp.group}"
        lines += [
            f"interface {vrrp.interface}",
            f"{group} version 3",
            f"{group} priority {vrrp.priority}",
            f"{group} advertisement-interval {VRRP_INTERVAL_MS}",
            f"{group} ip {vrrp.address.partition('/')[0]}",
            "exit",
            "!",
        ]
    # dcops net reaches the other site's routers in-band, so there has to be a way before it has brought the first route
    lines += [f"ip route {network} {hop} {_FIRST_ROUTE_DISTANCE}" for network, hop in router.first_routes]
    if not node.is_ministry:
        lines += _bgp(node)
    return "\n".join([*lines, "line vty", "!"]) + "\n"


def _bgp(node: Node) -> list[str]:
    """Give the routing of the national side's router: every link a neighbour, timers and BFD as the ministry's."""
    router = node.router
    assert router is not None
    lan = node.interface(NetworkKind.LAN)
    lines = [
        "bfd",
        " profile fast",
        "  detect-multiplier 3",
        "  receive-interval 100",
        "  transmit-interval 100",
        " exit",
        "exit",
        "!",
        f"router bgp {router.asn}",
        f" bgp router-id {router.router_id}",
        " no bgp ebgp-requires-policy",
        " bgp log-neighbor-changes",
        " bgp bestpath as-path multipath-relax",
        " timers bgp 1 3",
    ]
    for neighbor in router.neighbors:
        lines += [
            f" neighbor {neighbor.address} remote-as {neighbor.asn}",
            f" neighbor {neighbor.address} description {neighbor.name}",
            f" neighbor {neighbor.address} bfd",
            f" neighbor {neighbor.address} bfd profile fast",
            f" neighbor {neighbor.address} timers connect 1",
        ]
    lines += [" !", " address-family ipv4 unicast"]
    lines += [f"  network {prefix}" for prefix in _prefixes(lan.addresses if lan else ())]
    lines += [f"  network {router.router_id}/32", "  maximum-paths 4", " exit-address-family", "exit", "!"]
    return lines


def _prefixes(addresses: tuple[str, ...]) -> list[str]:
    import ipaddress  # only routers need it

    return [str(ipaddress.ip_interface(address).network) for address in addresses]


def known_hosts_line(node: Node, public_key: str) -> str:
    """Give the line of a node's host key under every name and address of it."""
    names = ",".join((node.name, node.fqdn, *node.all_addresses))
    return f"{names} {' '.join(public_key.split()[:2])}\n"


def ssh_config(topology: Topology, *, keys: dict[str, str], known_hosts: str, proxy: str) -> str:
    """Give a file for `ssh -F` on this host; `keys` maps node -> private key file."""
    lines = ["# Written by `dcops lab up`: reaches the twin's nodes through its management namespace.", ""]
    for node in topology.nodes:
        lines += [
            f"Host {node.name} {node.management_address}",
            f"  HostName {node.management_address}",
            "  User root",
            f"  IdentityFile {keys[node.name]}",
            f"  ProxyCommand {proxy}",
            "",
        ]
    return "\n".join(
        [
            *lines,
            "Host *",
            "  IdentitiesOnly yes",
            "  StrictHostKeyChecking yes",
            f"  UserKnownHostsFile {known_hosts}",
            "  GlobalKnownHostsFile /dev/null",
            "  BatchMode yes",
            "  LogLevel ERROR",
            "  ConnectTimeout 5",
            "  ServerAliveInterval 15",
            "",
        ]
    )


def unbound_conf(topology: Topology, node: Node) -> str:
    """Give the caching resolver of the national side: own names here, the ministry's at its servers."""
    domain = node.domain
    own = [n for n in topology.nodes if n.site == node.site]
    ministry = [n.address for n in topology.having("base") if n.is_ministry]
    lines = [
        "server:",
        "  interface: 0.0.0.0",
        "  access-control: 198.18.0.0/15 allow",
        "  access-control: 127.0.0.0/8 allow",
        '  module-config: "iterator"',
        "  do-ip6: no",
        "  hide-identity: yes",
        f'  local-zone: "{domain}." static',
        *(f'  local-data: "{n.fqdn}. 300 IN A {n.address}"' for n in own),
        *(f'  local-data-ptr: "{n.address} 300 {n.fqdn}"' for n in own),
        # .test is reserved, so without this the resolver would answer for it by itself
        '  local-zone: "test." nodefault',
    ]
    for zone in ("pmk.test.", "18.198.in-addr.arpa."):
        if ministry:
            lines += ["stub-zone:", f'  name: "{zone}"', *(f"  stub-addr: {address}" for address in ministry)]
    # nothing else exists: an answer at once instead of a search for root servers that nobody reaches
    root = ["auth-zone:", '  name: "."', '  zonefile: "/etc/unbound/empty-root.zone"']
    return "\n".join([*lines, *root, "  for-downstream: no", "  for-upstream: yes", ""])


EMPTY_ROOT = """\
. 3600 IN SOA localhost. nobody.localhost. 1 3600 600 86400 60
. 3600 IN NS localhost.
"""

"""What a twin consists of: nodes, their interfaces, site networks and wide-area links. Pure and frozen."""

import hashlib
import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from dcops.core.errors import UsageError

MANAGEMENT_BRIDGE = "mg"
SITE_BRIDGE = "lan"
_NAME_LIMIT = 15  # the kernel's for network interfaces
_TWIN_NAME = re.compile(r"^[a-z][a-z0-9]{0,7}$")


class Frozen(BaseModel):
    """Base of all types here: no unknown fields, no change after construction."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkKind(StrEnum):
    """What an interface is plugged into."""

    MANAGEMENT = "management"
    LAN = "lan"
    WAN = "wan"
    LOOPBACK = "loopback"


class Interface(Frozen):
    """One interface of a node. `network` is the site of a lan, the link of a wan, else empty."""

    name: str
    kind: NetworkKind
    network: str = ""
    addresses: tuple[str, ...] = ()  # with prefix length


class Vrrp(Frozen):
    """A router's part in its site's first hop: group, virtual address with prefix length, priority (higher leads)."""

    interface: str
    group: int
    address: str
    priority: int

    @property
    def macvlan(self) -> str:
        """Name of the interface that carries the virtual address."""
        return f"vr{self.group}"

    @property
    def mac(self) -> str:
        """The virtual router's MAC address (RFC 5798, section 7.3)."""
        return f"00:00:5e:00:01:{self.group:02x}"


class Neighbor(Frozen):
    """A BGP neighbour over one wide-area link."""

    address: str
    asn: int
    name: str


class Router(Frozen):
    """What only a router has.

    `neighbors` lists those over wide-area links, in link order; `first_routes` are (network, next hop) of the sites
    next door that are under the same hand, so that their routers can be reached before there is any routing.
    """

    asn: int
    router_id: str
    vrrp: Vrrp | None = None
    neighbors: tuple[Neighbor, ...] = ()
    first_routes: tuple[tuple[str, str], ...] = ()


class Node(Frozen):
    """One machine of the twin."""

    name: str
    site: str
    fqdn: str
    roles: tuple[str, ...]
    interfaces: tuple[Interface, ...]
    gateway: str | None = None
    gateway_interface: str | None = None
    router: Router | None = None
    is_ministry: bool = True

    def interface(self, kind: NetworkKind) -> Interface | None:
        """Give the first interface of `kind`, or None."""
        return next((i for i in self.interfaces if i.kind is kind), None)

    @property
    def management_address(self) -> str:
        """The address on the management bridge, without prefix length."""
        return self._first(NetworkKind.MANAGEMENT)

    @property
    def address(self) -> str:
        """The address other nodes use: on the site's lan, else on a link or the loopback."""
        for kind in (NetworkKind.LAN, NetworkKind.WAN, NetworkKind.LOOPBACK):
            if self.interface(kind):
                return self._first(kind)
        return self.management_address

    @property
    def domain(self) -> str:
        """The DNS domain of its full name."""
        return self.fqdn.partition(".")[2]

    @property
    def all_addresses(self) -> tuple[str, ...]:
        """Every address of the node but service addresses, without prefix length, the management one first."""
        found = [
            a.partition("/")[0] for i in self.interfaces for a in i.addresses if i.kind is not NetworkKind.LOOPBACK
        ]
        if self.router:
            found += [
                a.partition("/")[0] for i in self.interfaces for a in i.addresses if i.kind is NetworkKind.LOOPBACK
            ]
        return tuple(dict.fromkeys(sorted(found, key=lambda a: a != self.management_address)))

    def has_role(self, role: str) -> bool:
        """Say whether the node has `role`."""
        return role in self.roles

    def _first(self, kind: NetworkKind) -> str:
        found = self.interface(kind)
        if found is None or not found.addresses:
            raise UsageError(f"{self.name} has no {kind} address")
        return found.addresses[0].partition("/")[0]


class Link(Frozen):
    """A wide-area link between two nodes, each (node, interface name)."""

    name: str
    ends: tuple[tuple[str, str], tuple[str, str]]


class DnsName(Frozen):
    """A name beside those of the nodes: a service address, or a part such as a site's database.

    A movable one stands once for each node it may point at: in certificates, never in a hosts file.
    """

    name: str
    address: str
    is_movable: bool = False


class Topology(Frozen):
    """A whole twin, drawn from one inventory."""

    inventory: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...] = ()
    names: tuple[DnsName, ...] = ()
    ministry_prefix: str = "198.18.0.0/16"
    management_prefix: str = "198.19.0.0/24"
    management_host: str = "198.19.0.1"

    def node(self, name: str) -> Node:
        """Give the node `name`. Raises UsageError listing the known ones."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise UsageError(f'"{name}" is no node of this twin', hint=f"Nodes: {', '.join(n.name for n in self.nodes)}.")

    def link(self, name: str) -> Link:
        """Give the link `name`: a wide-area link, or a node's name for its cable into the site's network."""
        for link in self.all_links:
            if link.name == name:
                return link
        raise UsageError(
            f'"{name}" is no link of this twin', hint=f"Links: {', '.join(k.name for k in self.all_links)}."
        )

    @property
    def all_links(self) -> tuple[Link, ...]:
        """The wide-area links, then each node's cable into its site's network, named as the node."""
        cables = tuple(
            Link(name=node.name, ends=((node.name, lan.name), (node.name, lan.name)))
            for node in self.nodes
            if (lan := node.interface(NetworkKind.LAN))
        )
        return self.links + cables

    @property
    def sites(self) -> tuple[str, ...]:
        """Sites that have a network of their own, in node order."""
        return tuple(dict.fromkeys(n.site for n in self.nodes if n.interface(NetworkKind.LAN)))

    def having(self, role: str) -> tuple[Node, ...]:
        """Give the nodes with `role`, in order."""
        return tuple(node for node in self.nodes if node.has_role(role))


class Twin(Frozen):
    """The name of a twin and whose it is: `owner` is a short hash of the state folder it was made from."""

    name: str
    owner: str = Field(min_length=8)

    @classmethod
    def named(cls, name: str, state: str) -> "Twin":
        """Give the twin `name` with its state below the folder `state`. Raises UsageError for a bad name."""
        if not _TWIN_NAME.match(name):
            raise UsageError(f'"{name}" is no twin name', hint="One to eight small letters and digits, a letter first.")
        return cls(name=name, owner=hashlib.sha256(f"{state}\0{name}".encode()).hexdigest()[:12])

    @property
    def management(self) -> str:
        """The namespace of the management bridge; host verbs that talk to nodes enter it."""
        return f"{self.name}-mg"

    @property
    def wan(self) -> str:
        """The namespace with one bridge per wide-area link."""
        return f"{self.name}-wan"

    @property
    def cgroup(self) -> str:
        """The name of the twin's control group."""
        return f"dcops-{self.name}"

    @property
    def mark(self) -> str:
        """What is written on each namespace, so that only our own are ever removed."""
        return f"dcops {self.name} {self.owner}"

    def hub(self, site: str) -> str:
        """The namespace of a site's network."""
        return f"{self.name}-hub-{site}"

    def node(self, name: str) -> str:
        """The namespace of a node, also its machine name and the source of its overlay mount."""
        return f"{self.name}-{name}"


def port_name(*parts: str) -> str:
    """Give an interface name for `parts`: joined by hyphens, with a checksum past 15 characters."""
    whole = "-".join(parts)
    if len(whole) <= _NAME_LIMIT:
        return whole
    return f"{whole[:8]}~{hashlib.sha256(whole.encode()).hexdigest()[:6]}"


def port_of(twin: Twin, link: Link, topology: Topology, end: int) -> tuple[str, str]:
    """Give (namespace, interface) of the twin's side of a link's end: the plug the node is connected to."""
    node = topology.node(link.ends[end][0])
    if link in topology.links:
        return twin.wan, port_name(link.name, node.name)
    return twin.hub(node.site), port_name(node.name)

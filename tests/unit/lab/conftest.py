"""A small topology, written by hand: two sites, a router pair at one, an operations server, a stand-in site."""

import pytest

from dcops.lab.model import DnsName, Interface, Link, Neighbor, NetworkKind, Node, Router, Topology, Twin, Vrrp


def interfaces(management: str, lan: str | None, site: str, *links: tuple[str, str]) -> tuple[Interface, ...]:
    found = [Interface(name="mgmt0", kind=NetworkKind.MANAGEMENT, addresses=(f"{management}/24",))]
    if lan:
        found.append(Interface(name="lan0", kind=NetworkKind.LAN, network=site, addresses=(f"{lan}/24",)))
    found += [Interface(name=n, kind=NetworkKind.WAN, network=n, addresses=(f"{a}/31",)) for n, a in links]
    return tuple(found)


@pytest.fixture
def topology() -> Topology:
    router = Router(
        asn=4200000010,
        router_id="198.18.255.11",
        vrrp=Vrrp(interface="lan0", group=10, address="198.18.10.1/24", priority=200),
        neighbors=(Neighbor(address="198.18.250.1", asn=4200000030, name="pdn-rtr1"),),
        first_routes=(("198.18.20.0/24", "198.18.250.9"),),
    )
    national = Router(
        asn=4200000030,
        router_id="198.18.255.31",
        neighbors=(Neighbor(address="198.18.250.0", asn=4200000010, name="jkt-rtr1"),),
    )
    nodes = (
        Node(
            name="jkt-rtr1",
            site="jkt",
            fqdn="jkt-rtr1.jkt.pmk.test",
            roles=("router",),
            router=router,
            interfaces=interfaces("198.19.0.11", "198.18.10.2", "jkt", ("w1", "198.18.250.0")),
        ),
        Node(
            name="jkt-ops1",
            site="jkt",
            fqdn="jkt-ops1.jkt.pmk.test",
            roles=("operations",),
            gateway="198.18.10.1",
            gateway_interface="lan0",
            interfaces=interfaces("198.19.0.15", "198.18.10.13", "jkt"),
        ),
        Node(
            name="jkt-svc1",
            site="jkt",
            fqdn="jkt-svc1.jkt.pmk.test",
            roles=("base",),
            gateway="198.18.10.1",
            gateway_interface="lan0",
            interfaces=interfaces("198.19.0.16", "198.18.10.10", "jkt"),
        ),
        Node(
            name="drc-bkp1",
            site="drc",
            fqdn="drc-bkp1.drc.pmk.test",
            roles=("backup",),
            gateway="198.18.20.1",
            gateway_interface="lan0",
            interfaces=interfaces("198.19.0.28", "198.18.20.15", "drc"),
        ),
        Node(
            name="pdn-rtr1",
            site="pdn",
            fqdn="rtr1.pdn.test",
            roles=("router",),
            router=national,
            is_ministry=False,
            interfaces=interfaces("198.19.0.31", "198.18.30.1", "pdn", ("w1", "198.18.250.1")),
        ),
        Node(
            name="pdn-gw1",
            site="pdn",
            fqdn="gw1.pdn.test",
            roles=("gateway",),
            is_ministry=False,
            gateway="198.18.30.1",
            gateway_interface="lan0",
            interfaces=interfaces("198.19.0.33", "198.18.30.10", "pdn"),
        ),
    )
    return Topology(
        inventory="lab",
        nodes=nodes,
        links=(Link(name="w1", ends=(("jkt-rtr1", "w1"), ("pdn-rtr1", "w1"))),),
        names=(
            DnsName(name="naskah.pmk.test", address="198.18.100.10"),
            DnsName(name="naskah-db.jkt.pmk.test", address="198.18.10.11"),
        ),
    )


@pytest.fixture
def twin() -> Twin:
    return Twin.named("lab", "/srv/state")

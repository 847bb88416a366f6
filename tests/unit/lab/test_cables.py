"""How a twin is wired, as commands."""

from dcops.lab import cables
from dcops.lab.model import Topology, Twin


def lines(batches: tuple[cables.Batch, ...], namespace: str) -> list[str]:
    return [line for batch in batches if batch.namespace == namespace for line in batch.lines]


def test_only_missing_bridges_are_made(topology: Topology, twin: Twin) -> None:
    everything = cables.plan_bridges(twin, topology, {})
    assert {batch.namespace for batch in everything} == {
        "lab-mg",
        "lab-wan",
        "lab-hub-jkt",
        "lab-hub-drc",
        "lab-hub-pdn",
    }
    assert "address add 198.19.0.1/24 dev mg" in lines(everything, "lab-mg")
    present = {name: frozenset(bridges) | {"lo"} for name, bridges in cables.bridges(twin, topology).items()}
    assert cables.plan_bridges(twin, topology, present) == ()


def test_management_ports_are_isolated_and_others_are_not(topology: Topology, twin: Twin) -> None:
    batches = cables.plan_node(twin, topology.node("jkt-rtr1"))
    assert "link set dev jkt-rtr1 type bridge_slave isolated on" in lines(batches, "lab-mg")
    assert not [line for line in lines(batches, "lab-hub-jkt") + lines(batches, "lab-wan") if "isolated" in line]


def test_no_node_gets_a_default_route(topology: Topology, twin: Twin) -> None:
    for node in topology.nodes:
        routes = [line for batch in cables.plan_node(twin, node) for line in batch.lines if line.startswith("route")]
        assert not [line for line in routes if "default" in line or "0.0.0.0" in line]
        assert bool(routes) == (node.router is None)
    assert "route add 198.18.0.0/16 via 198.18.10.1 dev lan0 src 198.18.10.13" in lines(
        cables.plan_node(twin, topology.node("jkt-ops1")), "lab-jkt-ops1"
    )


def test_a_router_forwards_but_never_onto_the_management_bridge(topology: Topology, twin: Twin) -> None:
    router = topology.node("jkt-rtr1")
    assert "net.ipv4.ip_forward=1" in cables.node_space(twin, router).sysctls
    assert "net.ipv4.conf.all.arp_ignore=1" in cables.node_space(twin, router).sysctls
    assert cables.late_sysctls(router) == ("net.ipv4.conf.mgmt0.forwarding=0",)
    server = topology.node("jkt-ops1")
    assert "net.ipv4.ip_forward=1" not in cables.node_space(twin, server).sysctls
    assert cables.late_sysctls(server) == ()


def test_the_virtual_address_sits_on_the_virtual_mac(topology: Topology, twin: Twin) -> None:
    inside = lines(cables.plan_node(twin, topology.node("jkt-rtr1")), "lab-jkt-rtr1")
    assert "link set dev vr10 address 00:00:5e:00:01:0a" in inside
    assert "address add 198.18.10.1/24 dev vr10" in inside


def test_the_fingerprint_changes_with_the_wiring_only(topology: Topology, twin: Twin) -> None:
    node = topology.node("jkt-ops1")
    same = node.model_copy(update={"roles": ("operations", "base")})
    moved = node.model_copy(update={"gateway": "198.18.10.2"})
    first = cables.node_space(twin, node).fingerprint
    assert cables.node_space(twin, same).fingerprint == first
    assert cables.node_space(twin, moved).fingerprint != first


def test_power_off_takes_every_plug(topology: Topology, twin: Twin) -> None:
    assert cables.plugs(twin, topology.node("jkt-rtr1")) == (
        ("lab-mg", "jkt-rtr1"),
        ("lab-hub-jkt", "jkt-rtr1"),
        ("lab-wan", "w1-jkt-rtr1"),
    )


def test_everything_carries_the_twins_name(topology: Topology, twin: Twin) -> None:
    spaces = [*cables.infrastructure(twin, topology), *(cables.node_space(twin, node) for node in topology.nodes)]
    assert all(space.namespace.startswith("lab-") for space in spaces)
    assert len({space.namespace for space in spaces}) == len(spaces)

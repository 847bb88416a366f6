"""From the lab inventory to its twin."""

import ipaddress
from pathlib import Path

import pytest

from dcops.core.errors import PlanError
from dcops.inventory import Inventory, load
from dcops.lab.forward import plan_forwards
from dcops.lab.model import NetworkKind, Topology
from dcops.lab.plan import plan_topology

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    return load(ROOT / "inventory" / "lab")


@pytest.fixture(scope="module")
def drawn(inventory: Inventory) -> Topology:
    return plan_topology(inventory)


def test_every_system_of_the_inventory_is_a_node(inventory: Inventory, drawn: Topology) -> None:
    assert {node.name for node in drawn.nodes} == {device.name for device in inventory.nodes}
    assert [link.name for link in drawn.links] == list(inventory.links)


def test_every_line_ends_at_an_interface_of_its_node(drawn: Topology) -> None:
    for link in drawn.links:
        for name, interface in link.ends:
            found = [i for i in drawn.node(name).interfaces if i.name == interface]
            assert [(i.kind, i.network) for i in found] == [(NetworkKind.WAN, link.name)]


def test_all_addresses_are_the_laboratorys(drawn: Topology) -> None:
    allowed = ipaddress.ip_network("198.18.0.0/15")
    for node in drawn.nodes:
        for interface in node.interfaces:
            for address in interface.addresses:
                assert ipaddress.ip_interface(address).ip in allowed
                assert ipaddress.ip_interface(address).network.subnet_of(allowed)


def test_service_addresses_are_held_wherever_they_may_be_served(inventory: Inventory, drawn: Topology) -> None:
    for service in inventory.services.values():
        for device in service.next_hops.values():
            held = [a for i in drawn.node(device).interfaces if i.kind is NetworkKind.LOOPBACK for a in i.addresses]
            assert str(service.address) in held


def test_neighbours_see_each_other(drawn: Topology) -> None:
    routers = {node.name: node.router for node in drawn.nodes if node.router}
    for name, router in routers.items():
        assert router is not None
        for neighbor in router.neighbors:
            other = routers[neighbor.name]
            assert other is not None
            assert other.asn == neighbor.asn
            assert name in [each.name for each in other.neighbors]


def test_the_national_side_is_nobodys_and_gets_no_first_route(drawn: Topology) -> None:
    national = [node for node in drawn.nodes if not node.is_ministry]
    assert {node.site for node in national} == {"pdn"}
    assert all(not node.router.first_routes for node in national if node.router)
    lans = {network for node in drawn.nodes if node.router for network, _ in node.router.first_routes}
    assert lans == {"198.18.10.0/24", "198.18.20.0/24"}


def test_an_inventory_of_another_environment_is_refused(inventory: Inventory) -> None:
    from dataclasses import replace

    real = replace(inventory, head=inventory.head.model_copy(update={"environment": "production"}))
    with pytest.raises(PlanError, match="Only an inventory of environment twin"):
        plan_topology(real)


def test_pages_have_ports_of_their_own(drawn: Topology) -> None:
    forwards = plan_forwards(drawn)
    assert len({forward.local_port for forward in forwards}) == len(forwards)
    assert {forward.name for forward in forwards} >= {
        "prometheus@jkt-ops1",
        "naskah@jkt-app1",
        "penghubung@drc-app1",
        "ledger@pdn-gw1",
    }

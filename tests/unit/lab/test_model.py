"""Names, addresses and owners of a twin."""

import pytest

from dcops.core.errors import UsageError
from dcops.lab.model import Topology, Twin, port_name, port_of


@pytest.mark.parametrize("name", ["", "Lab", "lab-2", "2lab", "toolongname", "lab/..", "a b"])
def test_a_name_that_could_meet_another_twins_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no twin name"):
        Twin.named(name, "/srv/state")


def test_the_owner_tells_state_folders_and_names_apart() -> None:
    owners = {Twin.named(name, state).owner for name in ("lab", "test") for state in ("/a", "/b")}
    assert len(owners) == 4
    assert Twin.named("lab", "/a") == Twin.named("lab", "/a")


def test_an_interface_name_fits_the_kernel_and_stays_its_own() -> None:
    assert port_name("w1", "jkt-rtr1") == "w1-jkt-rtr1"
    long = [port_name("w12", f"jakarta-router-number-{number}") for number in range(50)]
    assert all(len(name) <= 15 for name in long)
    assert len(set(long)) == 50


def test_a_node_is_known_by_its_lan_address_and_all_others(topology: Topology) -> None:
    router = topology.node("jkt-rtr1")
    assert (router.address, router.management_address) == ("198.18.10.2", "198.19.0.11")
    assert router.all_addresses == ("198.19.0.11", "198.18.10.2", "198.18.250.0")
    assert topology.node("pdn-gw1").domain == "pdn.test"


def test_links_are_lines_and_every_nodes_cable(topology: Topology, twin: Twin) -> None:
    assert [link.name for link in topology.all_links][:3] == ["w1", "jkt-rtr1", "jkt-ops1"]
    assert port_of(twin, topology.link("w1"), topology, 1) == ("lab-wan", "w1-pdn-rtr1")
    assert port_of(twin, topology.link("jkt-ops1"), topology, 0) == ("lab-hub-jkt", "jkt-ops1")


def test_unknown_nodes_and_links_list_the_known(topology: Topology) -> None:
    with pytest.raises(UsageError, match=r"Nodes: jkt-rtr1, jkt-ops1"):
        topology.node("jkt-db9")
    with pytest.raises(UsageError, match=r"Links: w1, jkt-rtr1"):
        topology.link("w9")


def test_a_topology_survives_its_file(topology: Topology) -> None:
    assert Topology.model_validate_json(topology.model_dump_json()) == topology

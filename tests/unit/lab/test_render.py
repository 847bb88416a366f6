"""The files nodes boot with."""

from dcops.lab import render
from dcops.lab.model import Topology


def test_the_ministrys_routers_boot_without_routing_and_the_national_one_complete(topology: Topology) -> None:
    own = render.frr_conf(topology.node("jkt-rtr1"))
    assert "router bgp" not in own
    assert " vrrp 10 ip 198.18.10.1\n" in own
    assert "ip route 198.18.20.0/24 198.18.250.9 250\n" in own
    national = render.frr_conf(topology.node("pdn-rtr1"))
    assert "router bgp 4200000030\n" in national
    assert " neighbor 198.18.250.0 remote-as 4200000010\n" in national
    assert " neighbor 198.18.250.0 bfd profile fast\n" in national
    assert "  network 198.18.30.0/24\n" in national
    assert "vrrp" not in national
    assert "ip route" not in national


def test_hosts_name_everybody_and_the_short_name_of_the_own_site(topology: Topology) -> None:
    text = render.hosts(topology, topology.node("jkt-ops1"))
    assert "198.18.20.15 drc-bkp1.drc.pmk.test drc-bkp1\n" in text
    assert "198.18.10.11 naskah-db.jkt.pmk.test naskah-db\n" in text
    assert "198.18.10.11 naskah-db.jkt.pmk.test\n" in render.hosts(topology, topology.node("drc-bkp1"))
    assert "198.19." not in text


def test_resolvers_are_the_own_sites_first(topology: Topology) -> None:
    assert "nameserver 198.18.10.10\n" in render.resolv_conf(topology, topology.node("jkt-ops1"))
    assert "nameserver 198.18.30.10\n" in render.resolv_conf(topology, topology.node("pdn-rtr1"))


def test_the_national_resolver_asks_the_ministry_for_the_ministrys_names(topology: Topology) -> None:
    text = render.unbound_conf(topology, topology.node("pdn-gw1"))
    assert 'local-data: "gw1.pdn.test. 300 IN A 198.18.30.10"' in text
    assert 'stub-zone:\n  name: "pmk.test."\n  stub-addr: 198.18.10.10\n' in text
    assert "for-downstream: no" in text


def test_known_hosts_holds_every_name_and_address(topology: Topology) -> None:
    line = render.known_hosts_line(topology.node("pdn-gw1"), "ssh-ed25519 AAAA comment")
    assert line == "pdn-gw1,gw1.pdn.test,198.19.0.33,198.18.30.10 ssh-ed25519 AAAA\n"


def test_ssh_checks_host_keys_against_the_twins_own_file(topology: Topology) -> None:
    keys = {node.name: f"/s/{node.name}" for node in topology.nodes}
    text = render.ssh_config(topology, keys=keys, known_hosts="/s/known_hosts", proxy="relay %h %p")
    assert "StrictHostKeyChecking yes" in text
    assert "UserKnownHostsFile /s/known_hosts" in text
    assert "GlobalKnownHostsFile /dev/null" in text
    assert text.count("ProxyCommand relay %h %p") == len(topology.nodes)


def test_machine_ids_belong_to_seed_and_node() -> None:
    ids = {render.machine_id(seed, node) for seed in ("a", "b") for node in ("x", "y")}
    assert len(ids) == 4
    assert all(len(each) == 32 for each in ids)

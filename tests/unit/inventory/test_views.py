"""The views for Ansible, Prometheus and spreadsheets, as pure functions."""

import csv
import io
from pathlib import Path

from dcops.inventory import Inventory, load
from dcops.inventory.ansible import access_in_band, access_to_twin, groups_of, listing, universe
from dcops.inventory.describe import describe
from dcops.inventory.discovery import Job, labels, table, targets


def test_groups_by_environment_site_kind_role_platform_extra_and_application(sample: Inventory) -> None:
    groups = groups_of(sample, [sample.devices["n-vm"], sample.devices["n-rtr"]])
    wanted = ["twin", "north", "vm", "database", "application", "debian13", "blue", "letters", "router", "frr"]
    assert list(groups) == wanted
    assert groups["north"] == ["n-vm", "n-rtr"]
    # Twice a router, by kind and by role, is once in the group.
    assert groups["router"] == ["n-rtr"]


def test_universe_is_what_ansible_lists(sample: Inventory) -> None:
    found = listing(sample, access_in_band())
    ours = universe(sample)
    assert set(ours.hosts) == set(found["_meta"]["hostvars"])
    for name, members in ours.groups.items():
        if name not in ("all", "ungrouped"):
            assert list(members) == found[name]["hosts"]


def test_retired_abstract_and_foreign_devices_are_no_hosts(sample: Inventory) -> None:
    assert universe(sample).hosts == ("n-rtr", "n-ops", "n-vm")
    assert universe(sample, everything=True).hosts == ("n-rtr", "n-ops", "n-vm", "s-rtr")


def test_access_to_a_twin_goes_through_its_namespace_alone() -> None:
    access = access_to_twin("lab", Path("/srv/my state/lab/lab"), Path("/opt/relay.py"))
    options = access.variables["ansible_ssh_common_args"]
    assert "ip netns exec lab-mg /usr/bin/python3 -IS /opt/relay.py %h %p" in options
    assert """'UserKnownHostsFile="/srv/my state/lab/lab/known_hosts"'""" in options
    assert "StrictHostKeyChecking=yes" in options
    # Twins have the same addresses; a connection kept open to one must never serve the other.
    other = access_to_twin("other", Path("/x"), Path("/y"))
    assert access.variables["ansible_control_path_dir"] != other.variables["ansible_control_path_dir"]


def test_host_variables(sample: Inventory) -> None:
    found = listing(sample, access_in_band())["_meta"]["hostvars"]
    assert found["n-vm"]["ansible_host"] == "198.18.1.12"
    assert found["n-vm"]["dcops_gateway"] == "198.18.1.1"
    assert found["n-vm"]["dcops_dns"] == ["198.18.1.11"]
    assert found["n-vm"]["dcops_service_addresses"] == ["198.18.100.1/32"]
    assert found["n-vm"]["dcops_applications"] == ["letters"]
    assert "dcops_serial" not in found["n-vm"]
    assert found["n-ops"]["dcops_serial"] == "S2"


def test_targets_carry_the_device_and_its_applications(sample: Inventory) -> None:
    assert labels(sample, sample.devices["n-vm"]) == {
        "device": "n-vm", "site": "north", "kind": "vm", "role": "database", "platform": "debian13",
        "environment": "twin", "app": "letters",
    }  # fmt: skip
    assert [group["targets"] for group in targets(sample, Job.NODE)] == [["198.18.1.11:9100"], ["198.18.1.12:9100"]]
    assert [group["targets"] for group in targets(sample, Job.SNMP)] == [["198.18.1.2"]]
    assert targets(sample, Job.ENDPOINT)[0]["labels"]["endpoint"] == "health"


def test_csv_cells_are_text_even_when_a_spreadsheet_would_run_them(sample: Inventory) -> None:
    device = sample.devices["n-ops"].model_copy(update={"serial": "=1+1", "model": 'a "b", c'})
    row = next(csv.DictReader(io.StringIO(table(sample, [device]))))
    assert (row["serial"], row["model"], row["rack"]) == ("'=1+1", 'a "b", c', "n-rack")


def test_describe_finds_by_every_name(sample: Inventory) -> None:
    for name in ("n-vm", "n-vm.north.example.test", "198.18.1.12"):
        found = describe(sample, name)
        assert [(each.section, each.name) for each in found] == [("devices", "n-vm")]
    assert describe(sample, "nothing") == []
    assert found[0].needed_by == (
        "application:letters (database)", "application:letters (frontend)", "service:letters (next hop)",
    )  # fmt: skip


def test_both_of_a_pair_of_clusters_know_their_partner() -> None:
    found = listing(load(Path(__file__).parents[3] / "inventory" / "lab"), access_in_band())["_meta"]["hostvars"]
    main, standby = found["jkt-db1"]["dcops_postgresql"]["main"], found["drc-db1"]["dcops_postgresql"]["standby"]
    assert (standby["port"], standby["slot"], standby["followers"]) == (5433, "drc_db1_standby", [])
    assert (standby["follows"]["fqdn"], standby["follows"]["slot"]) == ("jkt-db1.jkt.pmk.test", "jkt_db1_main")
    assert [(each["device"], each["port"], each["slot"]) for each in main["followers"]] == [
        ("drc-db1", 5433, "drc_db1_standby")
    ]
    assert "follows" not in found["drc-db1"]["dcops_postgresql"]["restore"]

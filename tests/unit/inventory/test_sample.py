"""The sample inventory loads, and its models say what its files say."""

import shutil
from pathlib import Path

import pytest

from dcops.core.errors import UsageError
from dcops.core.words import Environment, ValueStatus
from dcops.inventory import Inventory, load
from dcops.inventory.model import Mode


def test_values_keep_their_standing(sample: Inventory) -> None:
    letters = sample.applications["letters"]
    assert letters.rto_seconds == 4 * 3600
    assert letters.operations.rto is not None
    assert letters.operations.rto.is_adopted
    assert letters.rpo_seconds == 900
    assert letters.operations.rpo is not None
    assert letters.operations.rpo.status is ValueStatus.PROPOSED
    assert sample.applications["archive"].rto_seconds is None


def test_owner_is_the_policys_unless_somebody_set_one(sample: Inventory) -> None:
    assert sample.applications["letters"].owner_unit == "Registry"
    assert sample.applications["archive"].owner_unit is None


def test_addresses_by_interface_role(sample: Inventory) -> None:
    router, server = sample.devices["n-rtr"], sample.devices["n-ops"]
    assert (router.address, router.loopback_address, router.management_address) == ("198.18.1.2", "198.18.255.1", None)
    assert (server.address, server.management_address) == ("198.18.1.11", "198.19.1.11")
    assert server.interface("lan0").ip_interface.network.prefixlen == 24  # type: ignore[union-attr]
    assert sample.by_address["198.18.250.1"].name == "s-rtr"


def test_dns_name_follows_the_site(sample: Inventory) -> None:
    assert sample.devices["n-vm"].fqdn == "n-vm.north.example.test"


def test_nodes_are_what_one_can_log_in_to(sample: Inventory) -> None:
    assert [device.name for device in sample.nodes] == ["n-rtr", "n-ops", "n-vm", "s-rtr"]
    assert not sample.is_managed(sample.devices["s-rtr"])
    assert sample.mode_of(sample.devices["s-rtr"]) is Mode.OBSERVE
    assert sample.mode_of(sample.devices["n-ops"]) is Mode.MANAGE


def test_lookups(sample: Inventory) -> None:
    assert [link.name for link in sample.links_of("s-rtr")] == ["w1"]
    assert sample.links["w1"].other("s-rtr").device == "n-rtr"
    assert sample.lan_of("north").gateway == "198.18.1.1"  # type: ignore[union-attr]
    assert [device.name for device in sample.devices_with_role("router", "south")] == ["s-rtr"]
    assert [device.name for device in sample.devices_at("south")] == ["s-rtr"]
    assert sample.environment is Environment.TWIN


def test_models_and_mappings_are_frozen(sample: Inventory) -> None:
    with pytest.raises(TypeError):
        sample.devices["n-ops"] = None  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        sample.devices["n-ops"].site = "south"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        sample.revision = "x"  # type: ignore[misc]


def test_revision_changes_with_any_byte_and_not_with_the_place(sample_root: Path, tmp_path: Path) -> None:
    first = load(sample_root).revision
    elsewhere = tmp_path / "elsewhere" / "inventory" / "sample"
    shutil.copytree(sample_root, elsewhere)
    assert load(elsewhere).revision == first
    with (elsewhere / "sites.yml").open("a") as file:
        file.write("# a comment\n")
    assert load(elsewhere).revision != first


def test_ansibles_own_folders_are_no_content(sample_root: Path) -> None:
    before = load(sample_root).revision
    (sample_root / "group_vars").mkdir()
    (sample_root / "group_vars" / "all.yml").write_text("anything: goes\n")
    assert load(sample_root).revision == before


def test_backup_policies_are_no_content_but_count_for_the_revision(sample_root: Path) -> None:
    before = load(sample_root).revision
    (sample_root / "backup").mkdir()
    (sample_root / "backup" / "letters.yml").write_text("application: letters\n")
    assert load(sample_root).revision != before


def test_a_folder_without_head_is_no_inventory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no inventory\.yml here"):
        load(tmp_path)

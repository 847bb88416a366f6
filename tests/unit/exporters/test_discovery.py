"""Discovery from the lab's inventory: who is listed, with which labels, and never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcops.core.errors import UsageError
from dcops.inventory import load
from dcops.inventory.model import Inventory
from exporters.discovery import node_targets, snmp_targets

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    return load(ROOT / "inventory" / "lab")


def names(groups: list[dict]) -> set[str]:
    return {group["labels"]["device"] for group in groups}


def test_node_targets_are_the_ministrys_servers(inventory: Inventory) -> None:
    found = node_targets(inventory, {})
    assert "jkt-db1" in names(found)
    assert not any(name.startswith("pdn") for name in names(found))
    (database,) = [group for group in found if group["labels"]["device"] == "jkt-db1"]
    assert database["targets"] == ["198.18.10.11:9100"]
    labels = database["labels"]
    assert (labels["site"], labels["room"], labels["rack"], labels["role"]) == (
        "jkt",
        "jkt-hall",
        "jkt-rack1",
        "database",
    )
    assert labels["criticality"] == "critical"


def test_routers_are_asked_for_bgp(inventory: Inventory) -> None:
    (router,) = snmp_targets(inventory, {"device": "jkt-rtr1"})
    assert router["targets"] == ["198.18.10.2"]
    assert router["labels"]["__param_module"] == "system,interfaces,bgp"


def test_filters_narrow_and_unknown_ones_are_refused(inventory: Inventory) -> None:
    assert names(snmp_targets(inventory, {"site": "drc", "role": "router"})) == {"drc-rtr1", "drc-rtr2"}
    assert snmp_targets(inventory, {"site": "nowhere"}) == []
    with pytest.raises(UsageError, match='"rack" is no filter'):
        snmp_targets(inventory, {"rack": "x"})


def test_label_names_and_values_are_what_prometheus_takes(inventory: Inventory) -> None:
    for group in [*node_targets(inventory, {}), *snmp_targets(inventory, {})]:
        assert all(isinstance(value, str) and value for value in group["labels"].values())
        assert all(name.replace("_", "a").isalnum() for name in group["labels"])


def test_no_secret_reference_is_told(inventory: Inventory) -> None:
    text = json.dumps([node_targets(inventory, {}), snmp_targets(inventory, {})])
    assert "file:" not in text
    assert not any(credential.secret in text for credential in inventory.credentials.values())

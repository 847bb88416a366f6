"""Who could destroy a copy, and where nothing may be written."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dcops.core.errors import Refused
from dcops.core.words import Environment
from dcops.inventory import Inventory, load
from dcops.inventory.custody import is_append_only, repositories, who_can_destroy
from dcops.inventory.model import Mode
from dcops.inventory.writing import refusals, require_writable

LAB = Path(__file__).resolve().parents[3] / "inventory" / "lab"
REPOSITORY, SECOND = "repository:drc-bkp1/jkt", "repository:jkt-svc1/jkt"
WAL = "repository:drc-bkp1/pgbackrest"


def test_the_labs_copies_are_append_only() -> None:
    lab = load(LAB)
    assert repositories(lab) == (REPOSITORY, WAL, SECOND)
    assert is_append_only(lab, REPOSITORY)
    assert {each.name for each in who_can_destroy(lab, REPOSITORY)} == {"retention", "restic-retention", "operator-1"}
    # The second copy stands on a server that the operations servers are root on, so it is no append-only one.
    assert not is_append_only(lab, SECOND)
    # Whoever may archive WAL with pgBackRest may delete what was archived.
    assert not is_append_only(lab, WAL)


def test_a_root_key_of_the_backup_server_in_production_breaks_it(tmp_path: Path) -> None:
    """Whoever is root on the device that holds a repository can delete it, whether it says so or not."""
    shutil.copytree(LAB.parent, tmp_path / "inventory")
    path = tmp_path / "inventory" / "lab" / "credentials.yml"
    text = path.read_text()
    path.write_text(text.replace('"device:drc-rtr*", "device:drc-db1"', '"device:drc-*"', 1))
    lab = load(path.parent)
    assert not is_append_only(lab, REPOSITORY)
    assert "operations-jkt" in {each.name for each in who_can_destroy(lab, REPOSITORY)}


def reasons(inventory: Inventory, name: str) -> list[str]:
    return list(refusals(inventory, inventory.devices[name]))


def test_a_managed_active_device_of_a_twin_is_writable(sample: Inventory) -> None:
    assert reasons(sample, "n-ops") == []
    require_writable(sample, [sample.devices["n-ops"], sample.devices["n-rtr"]])


def test_another_ones_site_and_retired_devices_are_not(sample: Inventory) -> None:
    assert reasons(sample, "s-rtr") == ["site south is not managed from here"]
    assert reasons(sample, "n-old") == ["it is retired"]


def test_observe_mode_anywhere_above_a_device_refuses(sample: Inventory) -> None:
    head = sample.head.model_copy(update={"mode": Mode.OBSERVE})
    assert reasons(replace(sample, head=head), "n-ops") == ["mode observe (inventory)"]
    site = sample.sites["north"].model_copy(update={"mode": Mode.OBSERVE})
    assert reasons(replace(sample, sites={**sample.sites, "north": site}), "n-ops") == ["mode observe (site north)"]
    device = sample.devices["n-ops"].model_copy(update={"mode": Mode.OBSERVE})
    observed = replace(sample, devices={**sample.devices, "n-ops": device})
    assert reasons(observed, "n-ops") == ["mode observe (device)"]


def test_lab_addresses_in_production_refuse(sample: Inventory) -> None:
    head = sample.head.model_copy(update={"environment": Environment.PRODUCTION})
    production = replace(sample, head=head)
    assert reasons(production, "n-ops")[0] == "mgmt0 has 198.19.1.11, an address for laboratories and documentation"
    with pytest.raises(Refused, match=r"not writable: n-ops \(mgmt0 has") as caught:
        require_writable(production, [production.devices["n-ops"]])
    assert caught.value.exit_code == 7

"""Debt: what is unset, proposed, missing, placeholder, or stops with one feed."""

from dataclasses import replace
from datetime import date

from dcops.core.words import Environment, Value
from dcops.inventory import Inventory
from dcops.inventory.debt import DebtKind, debts
from dcops.inventory.model import Inlet

TODAY = date(2026, 11, 24)


def paths(inventory: Inventory, kind: DebtKind, today: date = TODAY) -> dict[str, str]:
    return {each.path: each.message for each in debts(inventory, today) if each.kind is kind}


def test_unset_and_proposed_and_adopted_are_told_apart(sample: Inventory) -> None:
    unset, proposed = paths(sample, DebtKind.UNSET), paths(sample, DebtKind.PROPOSED)
    assert proposed["applications.letters.rpo"] == "900, proposed by dcops default"
    assert "applications.letters.rto" not in unset | proposed  # adopted
    assert unset["applications.letters.criticality"] == "nobody set it"
    assert unset["applications.letters.owner_unit"] == 'the policy names "Registry"; nobody confirmed it'
    assert unset["applications.archive.owner_unit"] == "the policy names no owner; nobody set one"


def test_targets_are_owed_only_by_what_is_hosted(sample: Inventory) -> None:
    assert not [path for path in paths(sample, DebtKind.UNSET) if path.startswith("applications.archive.rto")]


def test_policy_values(sample: Inventory) -> None:
    assert "policy.environmental.inlet_temperature_celsius.warning_high" in paths(sample, DebtKind.PROPOSED)
    unset = paths(sample, DebtKind.UNSET)
    assert unset["policy.environmental.inlet_dew_point_celsius"] == "nobody set a limit"
    assert "policy.continuity.drill_age.critical" in unset


def test_adopting_pays(sample: Inventory) -> None:
    before = paths(sample, DebtKind.UNSET)
    site = sample.sites["north"]
    owner = Value[str](value="Registry", status="adopted", by="Board", decision="1/2026")
    paid = replace(sample, sites={**sample.sites, "north": site.model_copy(update={"owner": owner})})
    assert before.keys() - paths(paid, DebtKind.UNSET).keys() == {"sites.north.owner"}


def test_labels_and_placeholders_are_owed_by_real_equipment_only(sample: Inventory) -> None:
    assert paths(sample, DebtKind.UNDOCUMENTED) == {}
    head = sample.head.model_copy(update={"environment": Environment.PRODUCTION})
    real = replace(sample, head=head)
    assert "devices.n-rtr.asset_code" in paths(real, DebtKind.UNDOCUMENTED)
    assert "devices.n-ops" in paths(real, DebtKind.PLACEHOLDER)


def test_contracts_end_the_day_after_their_last(sample: Inventory) -> None:
    assert paths(sample, DebtKind.EXPIRED, date(2026, 12, 31)) == {}
    assert paths(sample, DebtKind.EXPIRED, date(2027, 1, 1)) == {"contracts.support.valid_until": "ended on 2026-12-31"}


def test_power_that_stops_with_one_feed(sample: Inventory) -> None:
    assert paths(sample, DebtKind.POWER) == {}
    device = sample.devices["n-ops"]
    assert device.power is not None
    single = device.model_copy(update={"power": device.power.model_copy(update={"inlets": device.power.inlets[:1]})})
    changed = replace(sample, devices={**sample.devices, "n-ops": single})
    assert paths(changed, DebtKind.POWER) == {"devices.n-ops.power": "stops with one feed: its inlets are not on two"}


def test_power_that_the_other_path_cannot_carry(sample: Inventory) -> None:
    device = sample.devices["n-ops"]
    assert device.power is not None
    inlets = (Inlet(pdu="n-pdu-a", outlet=2), Inlet(pdu="n-pdu-b", outlet=2))
    big = device.model_copy(update={"power": device.power.model_copy(update={"draw_watts": 1500, "inlets": inlets})})
    owed = paths(replace(sample, devices={**sample.devices, "n-ops": big}), DebtKind.POWER)
    assert owed["feeds.n-b.rating_watts"] == "would carry 1600 W of 1000 W when n-a is lost"
    assert "ups.n-ups.rating_watts" in owed

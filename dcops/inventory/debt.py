"""What the inventory does not know yet, or nobody has decided: the list to work off. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from dcops.core.words import Value
from dcops.inventory.custody import is_append_only, repositories, who_can_destroy
from dcops.inventory.model import ApplicationRole, Band, CustodyDomain, HostingState, Inventory, Kind
from dcops.inventory.rules.placement import loads
from dcops.inventory.writing import placeholders


class DebtKind(StrEnum):
    """What is owed."""

    UNSET = "unset"
    PROPOSED = "proposed"
    UNDOCUMENTED = "undocumented"
    PLACEHOLDER = "placeholder"
    CUSTODY = "custody"
    POWER = "power"
    EXPIRED = "expired"


@dataclass(frozen=True, order=True)
class Debt:
    """One thing owed: where it belongs (`path`), what it is and what to do."""

    kind: DebtKind
    path: str
    message: str


def debts(inventory: Inventory, today: date) -> tuple[Debt, ...]:
    """Give everything the inventory owes on `today`, sorted by kind and path."""
    found = [
        *_applications(inventory),
        *_policy(inventory),
        *_other_values(inventory),
        *_power(inventory),
        *_custody(inventory),
        *_expired(inventory, today),
    ]
    if not inventory.environment.is_rehearsal:
        found += [*_undocumented(inventory), *_placeholders(inventory)]
    return tuple(sorted(found))


def _of_value(path: str, value: Value[Any] | None, message: str = "nobody set it") -> Iterator[Debt]:
    """Give the debt of one value: unset, or proposed and adopted by nobody."""
    if value is None or not value.is_set:
        yield Debt(DebtKind.UNSET, path, message)
    elif not value.is_adopted:
        yield Debt(DebtKind.PROPOSED, path, f"{_shown(value.value)}, proposed by {value.by or 'nobody named'}")


def _shown(value: Any) -> str:
    """Write a value for people."""
    return f"{value:g}" if isinstance(value, float) else str(value)


_HOSTED_VALUES = ("criticality", "data_class", "availability", "rto", "rpo")


def _applications(inventory: Inventory) -> Iterator[Debt]:
    """An owner for each application of the ministry; targets for each that is hosted here."""
    for key, application in inventory.applications.items():
        if application.role is ApplicationRole.EXTERNAL or application.hosting.state is HostingState.EXTERNAL:
            continue
        operations = application.operations
        yield from _of_value(
            f"applications.{key}.owner_unit", operations.owner_unit, _owner_message(application.facts.owner_unit)
        )
        if application.hosting.state is HostingState.UNKNOWN:
            yield Debt(DebtKind.UNSET, f"applications.{key}.hosting", "nobody said where it runs (clause 5.3.2)")
        if not application.is_hosted:
            continue
        for name in _HOSTED_VALUES:
            yield from _of_value(f"applications.{key}.{name}", getattr(operations, name))
        if not application.endpoints:
            yield Debt(DebtKind.UNSET, f"applications.{key}.endpoints", "nothing to ask whether it works")


def _owner_message(named: str | None) -> str:
    """Say whether the policy helps."""
    return f'the policy names "{named}"; nobody confirmed it' if named else "the policy names no owner; nobody set one"


def _policy(inventory: Inventory) -> Iterator[Debt]:
    yield from _values_below("policy", inventory.policy)


# Sides of a band and further values that mean nothing for some quantities are not owed.
_NOT_OWED = frozenset({"warning_low", "warning_high", "critical_low", "critical_high", "hold"})


def _values_below(path: str, model: BaseModel) -> Iterator[Debt]:
    """Give the debts of every `Value` field of a model, however deep."""
    for name in type(model).model_fields:
        child = getattr(model, name)
        if isinstance(child, Band) and not any(getattr(child, side) for side in type(child).model_fields):
            yield Debt(DebtKind.UNSET, f"{path}.{name}", "nobody set a limit")
        elif isinstance(child, Value):
            yield from _of_value(f"{path}.{name}", child)
        elif isinstance(child, BaseModel):
            yield from _values_below(f"{path}.{name}", child)
        elif child is None and name not in _NOT_OWED:
            yield Debt(DebtKind.UNSET, f"{path}.{name}", "nobody set it")


def _other_values(inventory: Inventory) -> Iterator[Debt]:
    """Owners of sites, battery times, providers of lines, limits of upstream links."""
    for name, site in inventory.sites.items():
        if site.is_managed:
            yield from _of_value(f"sites.{name}.owner", site.owner)
    for name, ups in inventory.ups.items():
        yield from _of_value(f"ups.{name}.runtime", ups.runtime)
    for name, circuit in inventory.circuits.items():
        if not inventory.environment.is_rehearsal:
            yield from _of_value(f"circuits.{name}.provider", circuit.provider)
    for key, upstream in inventory.upstreams.items():
        if upstream.hosting.state is HostingState.HOSTED:
            yield from _of_value(f"upstreams.{key}.down_after", upstream.down_after)
        else:
            yield Debt(
                DebtKind.UNSET,
                f"upstreams.{key}.probe",
                f"its state is unknown: {upstream.hosting.note or 'not connected'}",
            )


def _power(inventory: Inventory) -> Iterator[Debt]:
    """What stops when one power path does, and what that would put on the other."""
    for device in inventory.devices.values():
        if device.power is None or not device.is_active:
            continue
        feeds = {inventory.pdus[inlet.pdu].feed for inlet in device.power.inlets}
        if len(feeds) < 2:
            yield Debt(DebtKind.POWER, f"devices.{device.name}.power", "stops with one feed: its inlets are not on two")
    for lost in inventory.feeds:
        for (section, name), watts in loads(inventory, lost_feed=lost).items():
            items = {"pdus": inventory.pdus, "feeds": inventory.feeds, "ups": inventory.ups}[section]
            rating = items[name].rating_watts  # type: ignore[attr-defined]
            if watts > rating:
                message = f"would carry {watts:.0f} W of {rating} W when {lost} is lost"
                yield Debt(DebtKind.POWER, f"{section}.{name}.rating_watts", message)


def _custody(inventory: Inventory) -> Iterator[Debt]:
    """Repositories that somebody in production could delete."""
    for name in repositories(inventory):
        if not is_append_only(inventory, name):
            keys = [each.name for each in who_can_destroy(inventory, name) if each.domain is CustodyDomain.PRODUCTION]
            message = f"{name} is not append-only: {', '.join(keys)} could delete it"
            yield Debt(DebtKind.CUSTODY, "credentials", message)


def _expired(inventory: Inventory, today: date) -> Iterator[Debt]:
    for name, contract in inventory.contracts.items():
        if contract.valid_until and date.fromisoformat(contract.valid_until) < today:
            yield Debt(DebtKind.EXPIRED, f"contracts.{name}.valid_until", f"ended on {contract.valid_until}")


def _undocumented(inventory: Inventory) -> Iterator[Debt]:
    """Labels and papers that real equipment has."""
    for device in inventory.devices.values():
        if device.kind in (Kind.VM, Kind.HYPERVISOR_CLUSTER, Kind.DATASTORE):
            continue
        for key in ("serial", "asset_code", "contract", "position"):
            if getattr(device, key) is None:
                yield Debt(DebtKind.UNDOCUMENTED, f"devices.{device.name}.{key}", "not written down")
    for person in inventory.people.values():
        if not person.keys:
            yield Debt(
                DebtKind.UNDOCUMENTED, f"people.{person.name}.keys", "no key: nothing this person signs can be checked"
            )


def _placeholders(inventory: Inventory) -> Iterator[Debt]:
    for device in inventory.devices.values():
        for reason in placeholders(device):
            yield Debt(DebtKind.PLACEHOLDER, f"devices.{device.name}", reason)

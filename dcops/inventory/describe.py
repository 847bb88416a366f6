"""One item of the inventory with everything around it, for `show`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from dcops.inventory.graph import edges
from dcops.inventory.model import Device, Inventory

# section -> the word edges use for its items
_GRAPH_WORDS = {
    "devices": "device", "applications": "application", "services": "service", "racks": "rack", "pdus": "pdu",
    "feeds": "feed", "ups": "ups", "links": "link", "circuits": "circuit", "upstreams": "upstream",
}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """An item: its section and name, its fields as written, what was derived, what it needs and what needs it."""

    section: str
    name: str
    fields: dict[str, Any]
    derived: dict[str, Any]
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]


def sections(inventory: Inventory) -> dict[str, Mapping[str, BaseModel]]:
    """Give every section of named items."""
    return {
        "sites": inventory.sites, "rooms": inventory.rooms, "racks": inventory.racks, "feeds": inventory.feeds,
        "ups": inventory.ups, "pdus": inventory.pdus, "devices": inventory.devices, "vrfs": inventory.vrfs,
        "vlans": inventory.vlans, "prefixes": inventory.prefixes, "services": inventory.services,
        "links": inventory.links, "circuits": inventory.circuits, "names": inventory.names,
        "certificates": inventory.certificates, "contracts": inventory.contracts, "tenants": inventory.tenants,
        "applications": inventory.applications, "upstreams": inventory.upstreams, "people": inventory.people,
        "credentials": inventory.credentials, "time_stamp_authorities": inventory.time_stamp_authorities,
    }  # fmt: skip


def describe(inventory: Inventory, name: str) -> list[Description]:
    """Give every item called `name`, whatever its section; a device is found by its DNS name or address, too."""
    found = [
        _description(inventory, section, name, items[name])
        for section, items in sections(inventory).items()
        if name in items
    ]
    device = inventory.by_address.get(name) or next((d for d in inventory.devices.values() if d.fqdn == name), None)
    if not found and device:
        found = [_description(inventory, "devices", device.name, device)]
    return found


def _description(inventory: Inventory, section: str, name: str, item: BaseModel) -> Description:
    word = f"{_GRAPH_WORDS.get(section, section)}:{name}"
    all_edges = edges(inventory)
    return Description(
        section=section,
        name=name,
        fields=item.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True),
        derived=_derived(inventory, item),
        needs=tuple(f"{edge.target} ({edge.kind})" for edge in all_edges if edge.source == word),
        needed_by=tuple(f"{edge.source} ({edge.kind})" for edge in all_edges if edge.target == word),
    )


def _derived(inventory: Inventory, item: BaseModel) -> dict[str, Any]:
    """Give what follows from the item and its surroundings."""
    if not isinstance(item, Device):
        return {}
    found = {
        "address": item.address,
        "management_address": item.management_address,
        "mode": str(inventory.mode_of(item)),
        "is_managed": inventory.is_managed(item),
        "applications": [each.key for each in inventory.applications_on(item.name)],
        "links": [link.name for link in inventory.links_of(item.name)],
        "credentials": [each.name for each in inventory.credentials.values() if item.name in each.held_at],
    }
    return {key: value for key, value in found.items() if value not in (None, [])}

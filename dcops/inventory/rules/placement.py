"""Space and power: rack units, outlets, and no path above its rating. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from dcops.inventory.finding import Finding
from dcops.inventory.model import Device, Inventory, Kind


def check(inventory: Inventory) -> Iterator[Finding]:
    """Give findings on racks, outlets, power paths and duplicate serials and asset codes."""
    yield from _rack_units(inventory)
    yield from _sites_agree(inventory)
    yield from _outlets(inventory)
    yield from _ratings(inventory)
    yield from _labels(inventory)
    yield from _storage(inventory)


def _rack_units(inventory: Inventory) -> Iterator[Finding]:
    """Two devices never fill the same unit, and none reaches above its rack."""
    taken: dict[tuple[str, int], str] = {}
    for device in inventory.devices.values():
        position = device.position
        rack = inventory.racks.get(position.rack) if position else None
        if position is None or rack is None:
            continue
        top = position.units[-1]
        if top > rack.units:
            message = f"reaches unit {top} of {rack.name}, which has {rack.units}"
            yield Finding("devices", device.name, ("position", "unit"), message, "Choose a lower unit.")
        clashes = {taken[rack.name, unit]: unit for unit in reversed(position.units) if (rack.name, unit) in taken}
        for other, unit in clashes.items():
            message = f"unit {unit} of {rack.name} is filled by {other} too"
            yield Finding("devices", device.name, ("position", "unit"), message, "Choose a free unit.")
        for unit in position.units:
            taken.setdefault((rack.name, unit), device.name)


def _site_of_rack(inventory: Inventory, rack: str) -> str | None:
    """Give the site a rack stands at, None when a part of the way is missing."""
    found = inventory.racks.get(rack)
    room = inventory.rooms.get(found.room) if found else None
    return room.site if room else None


def _sites_agree(inventory: Inventory) -> Iterator[Finding]:
    """A device is at the site of its rack and of its prefixes, a PDU's feed at that of its rack."""
    for device in inventory.devices.values():
        site = _site_of_rack(inventory, device.rack) if device.rack else None
        if site not in (None, device.site):
            message = f"{device.rack} stands at {site}, the device at {device.site}"
            yield Finding("devices", device.name, ("position", "rack"), message, "Correct the site or the rack.")
        for interface in device.interfaces:
            prefix = inventory.prefixes.get(interface.network or "")
            if prefix and prefix.site not in (None, device.site):
                message = f"{prefix.name} lies at {prefix.site}, the device at {device.site}"
                keys = ("interfaces", interface.name, "network")
                yield Finding("devices", device.name, keys, message, "Correct the site or the network.")
    for pdu in inventory.pdus.values():
        feed, site = inventory.feeds.get(pdu.feed), _site_of_rack(inventory, pdu.rack)
        if feed and site and feed.site != site:
            message = f"{feed.name} is at {feed.site}, {pdu.rack} at {site}"
            yield Finding("pdus", pdu.name, ("feed",), message, "Choose a feed of the rack's site.")


def _outlets(inventory: Inventory) -> Iterator[Finding]:
    """An outlet is there, and holds one inlet."""
    taken: dict[tuple[str, int], str] = {}
    for device in inventory.devices.values():
        for index, inlet in enumerate(device.power.inlets if device.power else ()):
            pdu = inventory.pdus.get(inlet.pdu)
            keys = ("power", "inlets", index, "outlet")
            if pdu and inlet.outlet > pdu.outlets:
                message = f"{pdu.name} has {pdu.outlets} outlets, not {inlet.outlet}"
                yield Finding("devices", device.name, keys, message, "Choose another outlet.")
            if (inlet.pdu, inlet.outlet) in taken:
                message = f"outlet {inlet.outlet} of {inlet.pdu} feeds {taken[inlet.pdu, inlet.outlet]} too"
                yield Finding("devices", device.name, keys, message, "Choose a free outlet.")
            taken.setdefault((inlet.pdu, inlet.outlet), device.name)


def loads(inventory: Inventory, *, lost_feed: str | None = None) -> Mapping[tuple[str, str], float]:
    """Give the watts on each PDU, feed and UPS, by (section, name), all devices at full load.

    A device shares its draw equally among its inlets; with `lost_feed`, among those on other feeds.
    """
    watts: dict[tuple[str, str], float] = defaultdict(float)
    for device in inventory.devices.values():
        for pdu_name, share in _shares(inventory, device, lost_feed):
            pdu = inventory.pdus[pdu_name]
            watts["pdus", pdu_name] += share
            watts["feeds", pdu.feed] += share
            feed = inventory.feeds.get(pdu.feed)
            for ups in feed.ups if feed else ():
                watts["ups", ups] += share / len(feed.ups) if feed else 0.0
    return watts


def _shares(inventory: Inventory, device: Device, lost_feed: str | None) -> Iterator[tuple[str, float]]:
    """Give (PDU, watts) for each inlet of a device that still has power."""
    if device.power is None or not device.is_active:
        return
    live = [
        inlet.pdu
        for inlet in device.power.inlets
        if inlet.pdu in inventory.pdus and inventory.pdus[inlet.pdu].feed != lost_feed
    ]
    for pdu in live:
        yield pdu, device.power.draw_watts / len(live)


def _ratings(inventory: Inventory) -> Iterator[Finding]:
    """No PDU, feed or UPS carries more than its rating with every path working."""
    ratings = {
        **{("pdus", each.name): each.rating_watts for each in inventory.pdus.values()},
        **{("feeds", each.name): each.rating_watts for each in inventory.feeds.values()},
        **{("ups", each.name): each.rating_watts for each in inventory.ups.values()},
    }
    for key, watts in loads(inventory).items():
        if key in ratings and watts > ratings[key]:
            message = f"carries {watts:.0f} W at full load, rated {ratings[key]} W"
            yield Finding(*key, ("rating_watts",), message, "Move devices to another path.")


def _labels(inventory: Inventory) -> Iterator[Finding]:
    """A serial number and an asset code stand on one thing only."""
    for key in ("serial", "asset_code"):
        seen: dict[str, str] = {}
        groups: dict[str, Mapping[str, object]] = {
            "devices": inventory.devices,
            "ups": inventory.ups,
            "pdus": inventory.pdus,
        }
        labelled = (
            (section, name, getattr(each, key)) for section, items in groups.items() for name, each in items.items()
        )
        for section, name, label in labelled:
            if label in seen:
                message = f'"{label}" is on {seen[label]} too'
                yield Finding(section, name, (key,), message, "Read the label again.")
            elif label is not None:
                seen[label] = name


_STORAGE = {"cluster": Kind.HYPERVISOR_CLUSTER, "array": Kind.ARRAY, "datastores": Kind.DATASTORE}


def _storage(inventory: Inventory) -> Iterator[Finding]:
    """A cluster is a cluster, a datastore a datastore; a virtual machine stands in no rack."""
    for device in inventory.devices.values():
        for key, kind in _STORAGE.items():
            value = getattr(device, key)
            targets = value if isinstance(value, tuple) else (value,)
            for target in targets:
                found = inventory.devices.get(target or "")
                if found and found.kind is not kind:
                    message = f"{found.name} is of kind {found.kind}, not {kind}"
                    yield Finding("devices", device.name, (key,), message, f"Name a device of kind {kind}.")
        if device.kind is Kind.VM and device.position:
            yield Finding("devices", device.name, ("position",), "a virtual machine stands in no rack", "Remove it.")

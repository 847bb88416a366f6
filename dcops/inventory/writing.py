"""Where dcops may write, by the inventory alone; every writing verb asks here before it asks the device. Pure."""

from collections.abc import Iterable, Iterator

from dcops.core.errors import Refused
from dcops.core.words import Environment
from dcops.inventory.lab_ranges import is_lab_address, is_lab_name
from dcops.inventory.model import Device, Inventory, Lifecycle, Mode


def refusals(inventory: Inventory, device: Device) -> Iterator[str]:
    """Give each reason why nothing may be written on `device`; none when it may."""
    site = inventory.sites[device.site]
    if not site.is_managed:
        yield f"site {site.name} is not managed from here"
    if device.lifecycle is not Lifecycle.ACTIVE:
        yield f"it is {device.lifecycle}"
    observed = {"inventory": inventory.head.mode, f"site {site.name}": site.mode, "device": device.mode}
    for what, mode in observed.items():
        if mode is Mode.OBSERVE:
            yield f"mode observe ({what})"
    if inventory.environment is not Environment.TWIN:
        yield from placeholders(device)


def placeholders(device: Device) -> Iterator[str]:
    """Give reasons that lie in addresses and names which exist in laboratories only."""
    for each in device.interfaces:
        if each.ip and is_lab_address(each.ip):
            yield f"{each.name} has {each.ip}, an address for laboratories and documentation"
    if is_lab_name(device.fqdn):
        yield f"{device.fqdn} is a name for laboratories"


def require_writable(inventory: Inventory, devices: Iterable[Device]) -> None:
    """Return when every device may be written on. Raises Refused, naming each that may not and why."""
    reasons = {device.name: "; ".join(refusals(inventory, device)) for device in devices}
    refused = [f"{name} ({reason})" for name, reason in reasons.items() if reason]
    if refused:
        raise Refused(
            f"not writable: {', '.join(refused)}",
            where=f"inventory {inventory.name}",
            hint="Nothing was touched. Limit the pattern, or change the inventory.",
        )

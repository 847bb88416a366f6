"""Nothing depends on itself, however long the way round. Pure."""

from collections.abc import Iterator

from dcops.inventory.finding import Finding
from dcops.inventory.graph import find_cycles
from dcops.inventory.model import Inventory


def check(inventory: Inventory) -> Iterator[Finding]:
    """Give one finding for each cycle of device and of application dependencies."""
    devices = {device.name: device.depends_on for device in inventory.devices.values()}
    for cycle in find_cycles(devices):
        yield _finding("devices", "depends_on", cycle)
    applications = {key: application.dependencies for key, application in inventory.applications.items()}
    for cycle in find_cycles(applications):
        yield _finding("applications", "dependencies", cycle)


def _finding(section: str, key: str, cycle: tuple[str, ...]) -> Finding:
    way = " -> ".join((*cycle, cycle[0]))
    return Finding(section, cycle[0], (key,), f"depends on itself: {way}", "Remove one of these dependencies.")

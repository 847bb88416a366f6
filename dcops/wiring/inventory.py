"""Settings to inventory: finds the folder and reads it."""

from dcops.core.settings import Settings
from dcops.inventory import Inventory, load


def open_inventory(settings: Settings, name: str) -> Inventory:
    """Give the inventory called `name`. Raises UsageError when it is not there, SpecError when it is wrong."""
    return load(settings.inventory_root(name))


def inventory_names(settings: Settings) -> tuple[str, ...]:
    """Give the names of the inventories under DCOPS_HOME, sorted."""
    return tuple(sorted(path.parent.name for path in (settings.home / "inventory").glob("*/inventory.yml")))

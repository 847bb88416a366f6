"""The inventory: what should be, as YAML in git; models, loader, patterns, graph and views of it.

Belongs here: what people write about sites, equipment, networks, applications, people and policy, and pure views of
it. Does not belong here: what was observed (metrics) or done (records).
"""

from dcops.inventory.finding import Finding
from dcops.inventory.loader import load
from dcops.inventory.model import Application, Device, Interface, InterfaceRole, Inventory, Kind, Role

__all__ = ["Application", "Device", "Finding", "Interface", "InterfaceRole", "Inventory", "Kind", "Role", "load"]

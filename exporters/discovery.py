"""Targets for Prometheus' HTTP discovery, from the inventory: always the full list, never a secret. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcops.core.errors import UsageError
from dcops.inventory.discovery import Job, targets
from dcops.inventory.model import Device, Inventory

__all__ = ["FILTERS", "node_targets", "snmp_targets"]

FILTERS = ("site", "role", "device")
_NETWORK_MODULES = "system,interfaces,bgp"
_HOST_MODULES = "system,interfaces,host_resources"


def node_targets(inventory: Inventory, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    """Node exporters, as target groups with where they stand, whose they are and how much depends on them."""
    return _groups(inventory, Job.NODE, wanted)


def snmp_targets(inventory: Inventory, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    """SNMP agents; the labels `__param_module` and `__param_auth` say what the exporter is asked for."""
    groups = _groups(inventory, Job.SNMP, wanted)
    for group in groups:
        is_router = group["labels"].get("role") == "router"
        group["labels"]["__param_module"] = _NETWORK_MODULES if is_router else _HOST_MODULES
        group["labels"]["__param_auth"] = "default"
    return groups


def _groups(inventory: Inventory, job: Job, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    unknown = [name for name in wanted if name not in FILTERS]
    if unknown:
        raise UsageError(f'"{unknown[0]}" is no filter', hint=f"Filters: {', '.join(FILTERS)}.")
    groups = []
    for group in targets(inventory, job):
        labels = {**group["labels"], **_place(inventory, inventory.devices[group["labels"]["device"]])}
        if all(labels.get(name) == value for name, value in wanted.items()):
            groups.append({"targets": list(group["targets"]), "labels": labels})
    return groups


def _place(inventory: Inventory, device: Device) -> dict[str, str]:
    rack = inventory.racks.get(device.rack or "")
    found = {
        "room": rack.room if rack else "",
        "rack": device.rack or "",
        "owner": (device.owner.value or "") if device.owner else "",
        "criticality": _criticality(inventory, device),
    }
    return {name: value for name, value in found.items() if value}


def _criticality(inventory: Inventory, device: Device) -> str:
    """The highest criticality among the applications on the device; empty when none is set."""
    order = ("critical", "important", "normal")
    found = {
        str(application.operations.criticality.value)
        for application in inventory.applications_on(device.name)
        if application.operations.criticality and application.operations.criticality.is_set
    }
    return next((word for word in order if word in found), "")

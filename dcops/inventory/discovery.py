"""The inventory for Prometheus and for spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from dcops.inventory.model import Device, Inventory, Kind

NODE_PORT = 9100
_NETWORK_KINDS = frozenset({Kind.ROUTER, Kind.SWITCH, Kind.FIREWALL, Kind.FACILITY})


class Job(StrEnum):
    """What is scraped: node exporters, SNMP agents through the exporter, or endpoints through blackbox."""

    NODE = "node"
    SNMP = "snmp"
    ENDPOINT = "endpoint"


def labels(inventory: Inventory, device: Device) -> dict[str, str]:
    """Give the target labels of a device; empty ones are left out."""
    found = {
        "device": device.name,
        "site": device.site,
        "kind": str(device.kind),
        "role": str(device.role or ""),
        "platform": device.platform or "",
        "environment": str(inventory.environment),
        "app": ",".join(each.key for each in inventory.applications_on(device.name)),
    }
    return {name: value for name, value in found.items() if value}


def targets(inventory: Inventory, job: Job) -> list[dict[str, Any]]:
    """Give the target groups of `job` in the form of Prometheus' HTTP and file discovery, one group a target."""
    if job is Job.ENDPOINT:
        return [
            {
                "targets": [endpoint.url],
                "labels": {"app": key, "endpoint": name, "environment": str(inventory.environment)},
            }
            for key, application in inventory.applications.items()
            for name, endpoint in application.endpoints.items()
        ]
    devices = [device for device in inventory.nodes if inventory.is_managed(device) and device.address]
    if job is Job.SNMP:
        chosen = [device for device in devices if device.kind in _NETWORK_KINDS]
        return [{"targets": [device.address], "labels": labels(inventory, device)} for device in chosen]
    chosen = [device for device in devices if (device.platform or "").startswith("debian")]
    return [{"targets": [f"{device.address}:{NODE_PORT}"], "labels": labels(inventory, device)} for device in chosen]


COLUMNS = (
    "name", "fqdn", "kind", "site", "room", "rack", "unit", "height_units", "roles", "platform", "lifecycle", "mode",
    "address", "management_address", "serial", "asset_code", "model", "owner", "tenant", "contract", "applications",
)  # fmt: skip


def table(inventory: Inventory, devices: Iterable[Device]) -> str:
    """Give devices as CSV with a heading, one line a device; a cell a spreadsheet would run is made text."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for device in devices:
        writer.writerow([_safe(cell) for cell in _row(inventory, device)])
    return stream.getvalue()


def _row(inventory: Inventory, device: Device) -> list[str]:
    rack = inventory.racks.get(device.rack or "")
    values = {
        "room": rack.room if rack else None,
        "roles": " ".join(str(role) for role in device.roles),
        "mode": inventory.mode_of(device),
        "owner": device.owner.value if device.owner else None,
        "applications": " ".join(each.key for each in inventory.applications_on(device.name)),
    }
    cells = (values[name] if name in values else getattr(device, name) for name in COLUMNS)
    return ["" if cell is None else str(cell) for cell in cells]


def _safe(cell: str) -> str:
    return f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell

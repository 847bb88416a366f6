"""SNMPv2-MIB system group: who the device is and since when its agent runs."""

from __future__ import annotations

from collections.abc import Sequence

from dcops.snmp.walk import Walk, as_counter, as_text
from exporters.collectors.base import Collector
from exporters.exposition import Family

_SYSTEM = "1.3.6.1.2.1.1"


def collect(walk: Walk) -> Sequence[Family]:
    """`dcops_device_info` and the agent's uptime; sysUpTime is in hundredths of a second (RFC 3418)."""
    ticks = as_counter(walk.scalar(f"{_SYSTEM}.3.0"), bits=32)
    labels = {
        "name": as_text(walk.scalar(f"{_SYSTEM}.5.0")),
        "description": as_text(walk.scalar(f"{_SYSTEM}.1.0")),
        "object_id": as_text(walk.scalar(f"{_SYSTEM}.2.0")),
        "location": as_text(walk.scalar(f"{_SYSTEM}.6.0")),
    }
    return (
        Family("dcops_device_info", "gauge", "What the device says of itself; always 1.", [(labels, 1)]),
        Family(
            "dcops_device_uptime_seconds",
            "gauge",
            "Seconds since the SNMP agent of the device started; wraps after 497 days.",
            [] if ticks is None else [({}, ticks / 100)],
        ),
    )


COLLECTOR = Collector((_SYSTEM,), collect)

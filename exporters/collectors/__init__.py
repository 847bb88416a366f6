"""One module a subsystem: which subtrees it asks and how the answers become metrics. Pure; listed in `MODULES`."""

from __future__ import annotations

from exporters.collectors import bgp, host_resources, interfaces, system
from exporters.collectors.base import Collector

__all__ = ["MODULES"]

MODULES: dict[str, Collector] = {
    "system": system.COLLECTOR,
    "interfaces": interfaces.COLLECTOR,
    "bgp": bgp.COLLECTOR,
    "host_resources": host_resources.COLLECTOR,
}

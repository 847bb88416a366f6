"""HOST-RESOURCES-MIB (RFC 2790): storage and processors of a host."""

from __future__ import annotations

from collections.abc import Sequence

from dcops.snmp.walk import Walk, as_counter, as_integer, as_text
from exporters.collectors.base import Collector
from exporters.exposition import Family, Sample

_STORAGE_ENTRY = "1.3.6.1.2.1.25.2.3.1"
_STORAGE = {2: "type", 3: "descr", 4: "unit", 5: "size", 6: "used"}
_PROCESSOR_ENTRY = "1.3.6.1.2.1.25.3.3.1"
_MEMORY = "1.3.6.1.2.1.25.2.1.2"  # hrStorageRam


def collect(walk: Walk) -> Sequence[Family]:
    """`dcops_storage_*_bytes` by description, `dcops_memory_used_ratio`, `dcops_cpu_used_ratio` by processor."""
    size: list[Sample] = []
    used: list[Sample] = []
    memory: list[Sample] = []
    names: set[str] = set()
    for index, row in walk.table(_STORAGE_ENTRY, _STORAGE).items():
        unit, total = as_integer(row.get("unit")), as_counter(row.get("size"), bits=32)
        taken = as_counter(row.get("used"), bits=32)
        name = as_text(row.get("descr")) or str(index[-1])
        if unit is None or total is None or taken is None or name in names:
            continue
        names.add(name)
        size.append(({"storage": name}, float(total * unit)))
        used.append(({"storage": name}, float(taken * unit)))
        if as_text(row.get("type")) == _MEMORY and name == "Physical memory" and total:
            memory.append(({}, taken / total))
    loads = walk.table(_PROCESSOR_ENTRY, {2: "load"})
    cpu = [({"cpu": str(index[-1])}, (as_integer(row.get("load")) or 0) / 100) for index, row in loads.items()]
    return (
        Family("dcops_storage_size_bytes", "gauge", "Size of a storage area.", size),
        Family("dcops_storage_used_bytes", "gauge", "Used part of a storage area.", used),
        Family("dcops_memory_used_ratio", "gauge", "Used share of the physical memory, caches included.", memory),
        Family("dcops_cpu_used_ratio", "gauge", "Share of the last minute in which a processor was busy.", cpu),
    )


COLLECTOR = Collector((_STORAGE_ENTRY, _PROCESSOR_ENTRY), collect)

"""IF-MIB: traffic, errors and state of interfaces, by name (ifName, RFC 2863), 64-bit counters where there are some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from dcops.snmp.model import Value
from dcops.snmp.walk import Walk, as_counter, as_integer, as_text
from exporters.collectors.base import Collector
from exporters.exposition import Family

_IF_ENTRY = "1.3.6.1.2.1.2.2.1"
_IFX_ENTRY = "1.3.6.1.2.1.31.1.1.1"
_IF = {
    2: "descr", 3: "type", 4: "mtu", 7: "admin", 8: "oper", 10: "in_octets32", 13: "in_discards", 14: "in_errors",
    16: "out_octets32", 19: "out_discards", 20: "out_errors",
}  # fmt: skip
_IFX = {1: "name", 6: "in_octets", 7: "in_packets", 10: "out_octets", 11: "out_packets", 15: "speed", 18: "alias"}

# name, help, 64-bit column of ifXTable, 32-bit column of ifTable to fall back on
_COUNTERS = (
    ("receive_bytes", "Bytes received", "in_octets", "in_octets32"),
    ("transmit_bytes", "Bytes sent", "out_octets", "out_octets32"),
    ("receive_packets", "Unicast packets received", "in_packets", None),
    ("transmit_packets", "Unicast packets sent", "out_packets", None),
    ("receive_errors", "Packets received with errors", None, "in_errors"),
    ("transmit_errors", "Packets that could not be sent because of errors", None, "out_errors"),
    ("receive_discards", "Packets received and dropped", None, "in_discards"),
    ("transmit_discards", "Packets dropped instead of sent", None, "out_discards"),
)
_MEGABIT = 1_000_000


Row: TypeAlias = tuple[Mapping[str, str], Mapping[str, Value]]


def collect(walk: Walk) -> Sequence[Family]:
    """Families `dcops_interface_*`, one sample an interface that has the value."""
    rows = _rows(walk)
    families = [_info(rows), _state(rows, "admin"), _state(rows, "oper"), _speed(rows)]
    for name, text, wide, narrow in _COUNTERS:
        samples = []
        for labels, row in rows:
            value = as_counter(row.get(wide)) if wide else None
            if value is None and narrow:
                value = as_counter(row.get(narrow), bits=32)
            if value is not None:
                samples.append((labels, float(value)))
        families.append(Family(f"dcops_interface_{name}_total", "counter", f"{text}.", samples))
    return families


def _rows(walk: Walk) -> list[Row]:
    basic, extended = walk.table(_IF_ENTRY, _IF), walk.table(_IFX_ENTRY, _IFX)
    found: list[Row] = []
    names: set[str] = set()
    for index, row in basic.items():
        merged = {**row, **extended.get(index, {})}
        name = as_text(merged.get("name")) or as_text(merged.get("descr")) or str(index[-1])
        if name in names:  # two interfaces of one name would make a scrape invalid: the index tells them apart
            name = f"{name}#{index[-1]}"
        names.add(name)
        found.append(({"interface": name}, merged))
    return found


def _info(rows: Sequence[Row]) -> Family:
    samples = [
        ({**labels, "type": str(as_integer(row.get("type")) or ""), "alias": as_text(row.get("alias"))}, 1.0)
        for labels, row in rows
    ]
    return Family("dcops_interface_info", "gauge", "Type (IANAifType number) and alias of an interface; 1.", samples)


def _state(rows: Sequence[Row], column: str) -> Family:
    word = {"admin": "administratively", "oper": "operationally"}[column]
    name = {"admin": "dcops_interface_admin_up", "oper": "dcops_interface_up"}[column]
    samples = [(labels, float(row[column] == 1)) for labels, row in rows if column in row]
    return Family(name, "gauge", f"1 when the interface is {word} up.", samples)


def _speed(rows: Sequence[Row]) -> Family:
    samples = []
    for labels, row in rows:
        megabits = as_integer(row.get("speed"))
        if megabits:
            samples.append((labels, float(megabits * _MEGABIT)))
    return Family("dcops_interface_speed_bits_per_second", "gauge", "Nominal speed; absent when unknown.", samples)


COLLECTOR = Collector((_IF_ENTRY, _IFX_ENTRY), collect)

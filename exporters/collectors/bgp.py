"""BGP4-MIB (RFC 4273) bgpPeerTable: the sessions of a router, as FRR gives them through AgentX."""

from __future__ import annotations

from collections.abc import Sequence

from dcops.snmp.walk import Walk, as_counter, as_integer, format_oid
from exporters.collectors.base import Collector
from exporters.exposition import Family

_ENTRY = "1.3.6.1.2.1.15.3.1"
_COLUMNS = {2: "state", 3: "admin", 9: "remote_as", 10: "in_updates", 11: "out_updates", 15: "transitions", 16: "since"}
_ESTABLISHED = 6


def collect(walk: Walk) -> Sequence[Family]:
    """Families `dcops_bgp_*`, one sample a peer; label `peer` is the neighbour's address (the table's index)."""
    rows = [({"peer": format_oid(index)}, row) for index, row in walk.table(_ENTRY, _COLUMNS).items() if "state" in row]
    established, info = [], []
    for labels, row in rows:
        established.append((labels, float(row["state"] == _ESTABLISHED)))
        # A four-byte AS number above 2^31 comes as a negative integer.
        info.append(({**labels, "remote_as": str(as_counter(row.get("remote_as"), bits=32) or "")}, 1.0))
    return (
        Family("dcops_bgp_peer_info", "gauge", "A BGP neighbour and its AS number; 1.", info),
        Family("dcops_bgp_peer_established", "gauge", "1 when the session is established.", established),
        Family(
            "dcops_bgp_peer_state",
            "gauge",
            "1 idle, 2 connect, 3 active, 4 open sent, 5 open confirm, 6 established.",
            [(labels, float(as_integer(row["state"]) or 0)) for labels, row in rows],
        ),
        Family(
            "dcops_bgp_peer_state_seconds",
            "gauge",
            "Seconds since the session was last established or lost.",
            [(labels, float(value)) for labels, row in rows if (value := as_counter(row.get("since"), 32)) is not None],
        ),
        *(
            Family(
                name,
                "counter",
                text,
                [(labels, float(v)) for labels, row in rows if (v := as_counter(row.get(column), 32)) is not None],
            )
            for name, text, column in (
                ("dcops_bgp_peer_established_transitions_total", "Times the session was established.", "transitions"),
                ("dcops_bgp_peer_receive_updates_total", "UPDATE messages received.", "in_updates"),
                ("dcops_bgp_peer_transmit_updates_total", "UPDATE messages sent.", "out_updates"),
            )
        ),
    )


COLLECTOR = Collector((_ENTRY,), collect)

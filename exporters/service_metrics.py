"""The exporter's metrics about itself; a registry of its own, so that several apps in one process do not mix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dcops import __version__

__all__ = ["SelfMetrics"]


class SelfMetrics:
    """Counts requests, polls and their cost."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dcops_exporter_requests",
            "Requests answered, by endpoint and HTTP status.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.polls = Counter(
            "dcops_snmp_polls", "SNMP polls, by result (ok or why not).", ["result"], registry=self.registry
        )
        self.variables = Counter("dcops_snmp_variables", "SNMP variables read.", registry=self.registry)
        self.seconds = Histogram(
            "dcops_snmp_poll_duration_seconds",
            "Duration of SNMP polls.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.in_flight = Gauge("dcops_snmp_polls_in_flight", "SNMP polls under way.", registry=self.registry)
        self.inventory_ok = Gauge(
            "dcops_exporter_inventory_loaded",
            "1 when the inventory on disk is the one in use, 0 when it is wrong and the last good one is kept.",
            registry=self.registry,
        )
        build = Gauge("dcops_exporter_build_info", "Version of dcops; 1.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)

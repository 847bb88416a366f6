"""The API's metrics about itself, and the states of links as last seen."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from dcops import __version__
from dcops.core.words import Status
from dcops.registry.model import LinkStatus

__all__ = ["ApiMetrics"]


class ApiMetrics:
    """A registry of its own, so that several apps in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dcops_api_requests",
            "Requests answered, by route and HTTP status.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "dcops_api_request_duration_seconds",
            "Time to answer, by route.",
            ["route"],
            buckets=(0.005, 0.025, 0.1, 0.25, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.upstream = Gauge(
            "dcops_upstream_up",
            "Link upstream as last looked at: 1 pass or warn, 0 fail; absent while unknown.",
            ["upstream"],
            registry=self.registry,
        )
        self.build = Gauge("dcops_api_build_info", "Version of dcops; 1.", ["version"], registry=self.registry)
        self.build.labels(__version__).set(1)

    def render(self, states: Mapping[str, LinkStatus]) -> bytes:
        """Everything as text; `states` are the links as last seen."""
        self.upstream.clear()
        for key, status in states.items():
            if status.state is not Status.UNKNOWN:
                self.upstream.labels(key).set(0 if status.state is Status.FAIL else 1)
        return generate_latest(self.registry)

"""Values as Prometheus holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["Sample", "fresh_value"]


@dataclass(frozen=True)
class Sample:
    """One series' value and the moment it was scraped; labels without the metric's name."""

    labels: Mapping[str, str]
    value: float
    observed_at: datetime


def fresh_value(sample: Sample | None, now: datetime, max_age_seconds: float) -> float | None:
    """The value, or None (unknown) when there is none or it was observed longer ago than `max_age_seconds`."""
    if sample is None or now - sample.observed_at > timedelta(seconds=max_age_seconds):
        return None
    return sample.value

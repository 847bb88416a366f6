"""Prometheus' answers to samples. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dcops.core.errors import ParseError
from dcops.metrics.model import Sample

__all__ = ["merge_times", "parse_vector"]


def parse_vector(text: str, where: str) -> tuple[Sample, ...]:
    """The samples of an instant query's answer; raise ParseError when it is an error or no vector."""
    try:
        document = json.loads(text)
        if document["status"] != "success":
            raise ParseError(f"Prometheus says {document.get('error', 'error')}", where=where)
        data = document["data"]
        if data["resultType"] != "vector":
            raise ParseError(f"a vector is expected, not a {data['resultType']}", where=where)
        return tuple(_sample(item) for item in data["result"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ParseError(f"unreadable answer ({type(error).__name__})", where=where) from error


def merge_times(values: tuple[Sample, ...], times: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The values with the moment of their own scrape, from an answer to `timestamp(...)` of the same series.

    A plain instant query gives the moment of asking for every value, however old it is.
    """
    scraped = {_key(item): item.value for item in times}
    return tuple(
        Sample(item.labels, item.value, datetime.fromtimestamp(scraped[_key(item)], UTC))
        for item in values
        if _key(item) in scraped
    )


def _sample(item: Mapping[str, Any]) -> Sample:
    moment, value = item["value"]
    labels = {name: str(text) for name, text in item["metric"].items() if name != "__name__"}
    return Sample(labels, float(value), datetime.fromtimestamp(float(moment), UTC))


def _key(sample: Sample) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(sample.labels.items()))

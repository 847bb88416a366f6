"""Prometheus' answers; a value's age is that of its scrape, not of the question."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from dcops.core.errors import ParseError
from dcops.metrics.model import Sample, fresh_value
from dcops.metrics.parse import merge_times, parse_vector

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def vector(*items: tuple[dict[str, str], float, str]) -> str:
    result = [{"metric": metric, "value": [moment, value]} for metric, moment, value in items]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


def test_samples_have_labels_without_the_name() -> None:
    (sample,) = parse_vector(vector(({"__name__": "up", "device": "jkt-rtr1"}, NOW.timestamp(), "1")), "p")
    assert sample == Sample({"device": "jkt-rtr1"}, 1.0, NOW)


def test_the_moment_is_that_of_the_scrape() -> None:
    scraped = NOW - timedelta(seconds=90)
    values = parse_vector(vector(({"__name__": "up", "d": "a"}, NOW.timestamp(), "1")), "p")
    times = parse_vector(vector(({"d": "a"}, NOW.timestamp(), str(scraped.timestamp()))), "p")
    (merged,) = merge_times(values, times)
    assert merged.observed_at == scraped
    assert fresh_value(merged, NOW, 60) is None
    assert fresh_value(merged, NOW, 120) == 1.0
    assert fresh_value(None, NOW, 60) is None


def test_a_series_whose_age_is_not_known_is_left_out() -> None:
    values = parse_vector(vector(({"d": "a"}, NOW.timestamp(), "1")), "p")
    assert merge_times(values, ()) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html>", "unreadable answer"),
        ('{"status":"error","error":"parse error"}', "Prometheus says parse error"),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "a vector is expected"),
        ('{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}', "unreadable answer"),
    ],
)
def test_answers_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_vector(text, "http://127.0.0.1:9090")

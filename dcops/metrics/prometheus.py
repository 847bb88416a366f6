"""The Prometheus HTTP API."""

from __future__ import annotations

import httpx2

from dcops.core.errors import DcopsError, TimedOut, Unreachable
from dcops.metrics.model import Sample
from dcops.metrics.parse import merge_times, parse_vector

__all__ = ["Prometheus"]


class Prometheus:
    """One Prometheus, such as http://127.0.0.1:9090. No proxy of the environment is used."""

    def __init__(self, url: str, timeout_seconds: float = 5.0) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout_seconds

    def latest(self, selector: str) -> tuple[Sample, ...]:
        """The newest sample of every series that `selector` matches, with the moment of its scrape.

        Raise Unreachable or TimedOut, ParseError for an unreadable answer, DcopsError when the query is refused.
        """
        with httpx2.Client(timeout=self._timeout, trust_env=False) as client:
            values = self._ask(client, selector)
            times = self._ask(client, f"timestamp({selector})")
        return merge_times(values, times)

    def _ask(self, client: httpx2.Client, query: str) -> tuple[Sample, ...]:
        try:
            answer = client.get(f"{self.url}/api/v1/query", params={"query": query})
        except httpx2.TimeoutException as error:
            raise TimedOut("Prometheus does not answer in time", where=self.url) from error
        except httpx2.TransportError as error:
            raise Unreachable("Prometheus does not answer", where=self.url, hint="Is it running?") from error
        if answer.status_code not in (200, 400, 422):
            raise DcopsError(f"Prometheus answers {answer.status_code}", where=self.url)
        return parse_vector(answer.text, self.url)

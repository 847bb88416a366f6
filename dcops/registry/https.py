"""An HTTPS question to a link's far end, trusting only the certificate authority that the inventory names."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx2

from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError
from dcops.core.words import Status
from dcops.registry.model import Check, CheckKind

__all__ = ["HttpsAsker"]


class HttpsAsker:
    """Asks with a deadline; no proxy of the environment is used.

    `find` gives the file of an authority's certificate by its reference; such a certificate is public, so it is not
    read as a secret.
    """

    def __init__(self, find: Callable[[str], Path], timeout_seconds: float = 3.0) -> None:
        self._find = find
        self._timeout = timeout_seconds

    def ask(self, url: str, authority: str | None) -> Check:
        """`pass` for an answer 2xx over a certificate of `authority`; `unknown` when that authority cannot be read."""
        try:
            context = self._context(authority)
        except (DcopsError, OSError, ssl.SSLError) as error:
            return _check(url, Status.UNKNOWN, f"the certificate authority cannot be read: {error}")
        started = monotonic()
        try:
            with (
                httpx2.Client(verify=context, timeout=self._timeout, trust_env=False) as client,
                client.stream("GET", url) as answer,  # the body, which may have no end, is not read
            ):
                status, is_success = answer.status_code, answer.is_success
        except httpx2.TimeoutException:
            return _check(url, Status.FAIL, f"no answer within {self._timeout:g} s")
        except httpx2.HTTPError as error:
            return _check(url, Status.FAIL, _reason(error))
        seconds = monotonic() - started
        return _check(url, Status.PASS if is_success else Status.FAIL, f"answers {status}", seconds)

    def _context(self, authority: str | None) -> ssl.SSLContext:
        if authority is None:
            return ssl.create_default_context()
        return ssl.create_default_context(cafile=str(self._find(authority)))


def _check(url: str, state: Status, detail: str, seconds: float | None = None) -> Check:
    rounded = None if seconds is None else round(seconds, 4)
    return Check(
        kind=CheckKind.HTTPS,
        target=url,
        state=state,
        latency_seconds=rounded,
        observed_at=utc_now(),
        detail=detail,
    )


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not one of the named authority"
    return text.splitlines()[0]

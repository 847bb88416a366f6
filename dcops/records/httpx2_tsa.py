"""Asks a time-stamp authority over HTTP(S), RFC 3161 section 3.4."""

import httpx2

from dcops.core.clock import monotonic
from dcops.core.errors import TimedOut, TransportError, Unreachable

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
_SECONDS = 10.0
_MOST_BYTES = 64 << 10  # a token with a long chain of certificates has 10 KiB


def fetch_stamp(url: str, query: bytes, *, seconds: float = _SECONDS) -> bytes:
    """Return the answer to `query`, not yet checked; raise Unreachable, TimedOut or TransportError.

    The whole exchange ends within about twice `seconds`, however slowly the answer drips. Redirects are not followed.
    """
    until = monotonic() + seconds
    try:
        with (
            httpx2.Client(timeout=seconds, trust_env=False) as client,
            client.stream("POST", url, content=query, headers={"Content-Type": QUERY, "Accept": REPLY}) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise TransportError(f"the answer is HTTP {response.status_code}", where=url)
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != REPLY:
                raise TransportError(f'the answer is "{kind[:60]}", no {REPLY}', where=url)
            return _limited(response, url, until, seconds)
    except httpx2.TimeoutException as error:
        raise TimedOut(f"no answer within {seconds:g} s", where=url) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unreachable(f"cannot be asked: {type(error).__name__}", where=url) from error


def _limited(response: httpx2.Response, url: str, until: float, seconds: float) -> bytes:
    data = b""
    for piece in response.iter_raw():
        data += piece
        if len(data) > _MOST_BYTES:
            raise TransportError("the answer is too long for a time stamp", where=url)
        if monotonic() > until:
            raise TimedOut(f"the answer did not end within {seconds:g} s", where=url)
    return data

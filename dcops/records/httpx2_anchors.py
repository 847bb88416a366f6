"""Fetches an anchor from another site or a witness over HTTP(S)."""

import httpx2

from dcops.core.errors import TimedOut, TransportError, Unreachable

_SECONDS = 10.0
_MOST_BYTES = 4 << 20


def fetch_anchor(url: str, *, client: httpx2.Client | None = None) -> str:
    """Return the text at `url`; raise Unreachable, TimedOut or TransportError. Redirects are not followed."""
    own = client or httpx2.Client(timeout=_SECONDS, trust_env=False)
    try:
        with own.stream("GET", url) as response:
            if response.status_code != httpx2.codes.OK:
                raise TransportError(f"the answer is HTTP {response.status_code}", where=url)
            return _limited(response, url)
    except httpx2.TimeoutException as error:
        raise TimedOut(f"no answer within {_SECONDS:g} s", where=url) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unreachable(f"cannot be fetched: {type(error).__name__}", where=url) from error
    finally:
        if client is None:
            own.close()


def _limited(response: httpx2.Response, url: str) -> str:
    data = b""
    for piece in response.iter_bytes():
        data += piece
        if len(data) > _MOST_BYTES:
            raise TransportError("the answer is too long for an anchor", where=url)
    return data.decode("utf-8", "replace")

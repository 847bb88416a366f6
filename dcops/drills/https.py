"""HTTPS to an address whose certificate must be good for a name; no name is looked up, no proxy is asked."""

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dcops.core.clock import monotonic, parse_rfc3339, rfc3339
from dcops.core.errors import AuthenticationFailed, DcopsError, ParseError, TimedOut, Unreachable
from dcops.drills.model import Attempt

_LIMIT_BYTES = 256 << 20


@dataclass(frozen=True)
class Endpoint:
    """An address, and the name its certificate must bear, signed by `ca`."""

    address: str
    port: int
    name: str
    ca: Path


class _Pinned(http.client.HTTPSConnection):
    """A connection to the endpoint's address that checks the certificate against its name."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext, timeout_seconds: float) -> None:
        super().__init__(endpoint.address, endpoint.port, timeout=timeout_seconds, context=context)
        self._name, self._tls, self._limit = endpoint.name, context, timeout_seconds

    def connect(self) -> None:
        """Open TCP, then TLS, and leave the answer what is left of the time."""
        end = monotonic() + self._limit
        plain = socket.create_connection((self.host, self.port), self._limit)
        try:
            plain.settimeout(max(0.05, end - monotonic()))
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)
            self.sock.settimeout(max(0.05, end - monotonic()))
        except BaseException:
            plain.close()
            raise


def ask(
    endpoint: Endpoint, method: str, path: str, *, body: Mapping[str, Any] | None = None, timeout_seconds: float
) -> tuple[int, bytes]:
    """Send one request on a connection of its own, so that each takes the route of its moment.

    Raises Unreachable, TimedOut, or AuthenticationFailed for a certificate of somebody else.
    """
    where = f"{endpoint.name} ({endpoint.address}:{endpoint.port})"
    connection = _Pinned(endpoint, ssl.create_default_context(cafile=str(endpoint.ca)), timeout_seconds)
    try:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        connection.request(method, path, data, {**headers, "Host": endpoint.name})
        answer = connection.getresponse()
        return answer.status, answer.read(_LIMIT_BYTES)
    except ssl.SSLCertVerificationError as error:
        raise AuthenticationFailed(f"the certificate is not good: {error.verify_message}", where=where) from error
    except TimeoutError as error:
        raise TimedOut(f"no answer within {timeout_seconds:g} s", where=where) from error
    except (OSError, http.client.HTTPException) as error:
        text = getattr(error, "strerror", None) or type(error).__name__
        raise Unreachable(f"no answer: {text}", where=where) from error
    finally:
        connection.close()


class PinnedWeb:
    """Services asked at their own address, or at one device's."""

    def __init__(self, find: Callable[[str, str | None], Endpoint]) -> None:
        self._find = find

    def place(self, service: str) -> tuple[str, int, str]:
        """Give address, port and name of a service."""
        found = self._find(service, None)
        return found.address, found.port, found.name

    def get(
        self, service: str, path: str, *, device: str | None = None, timeout_seconds: float = 2.0
    ) -> tuple[int, bytes]:
        """Ask; raises a TransportError."""
        return ask(self._find(service, device), "GET", path, timeout_seconds=timeout_seconds)

    def post(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        *,
        device: str | None = None,
        timeout_seconds: float = 4.0,
    ) -> tuple[int, bytes]:
        """Send a JSON document; raises a TransportError."""
        return ask(self._find(service, device), "POST", path, body=body, timeout_seconds=timeout_seconds)


class HttpsObserver:
    """The outside observer's pages (dcops/lab/files/observer.py), read only."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def attempts(self, since: datetime, until: datetime | None = None) -> list[Attempt]:
        """Give the attempts answered in the window, in the order in which they were answered."""
        query = f"/ledger?sejak={rfc3339(since)}" + (f"&sampai={rfc3339(until)}" if until else "")
        return parse_ledger(self._page(query, 15).decode(errors="replace"))

    def lost(self, since: datetime, until: datetime) -> tuple[int, int]:
        """Have the observer ask the service for each letter it holds acknowledged: how many are lost, and unknown."""
        found = self._json(f"/check?sejak={rfc3339(since)}&sampai={rfc3339(until)}", 300)
        return len(found["lost"]), len(found["unknown"])

    def _json(self, path: str, timeout_seconds: float) -> Any:
        try:
            return json.loads(self._page(path, timeout_seconds))
        except ValueError as error:
            raise ParseError("the observer's answer is no JSON", where=self._endpoint.name) from error

    def _page(self, path: str, timeout_seconds: float) -> bytes:
        status, body = ask(self._endpoint, "GET", path, timeout_seconds=timeout_seconds)
        if status != 200:
            raise DcopsError(f"status {status} for {path.partition('?')[0]}", where=self._endpoint.name)
        return body


def parse_ledger(text: str) -> list[Attempt]:
    """Read the ledger's lines; a torn last one is passed over. Raises ParseError for one that is no attempt."""
    attempts = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        try:
            attempts.append(
                Attempt(
                    at=parse_rfc3339(row["t"]),
                    id=row["id"],
                    is_acknowledged=row["ok"],
                    site=row.get("site"),
                    latency_seconds=row["latency"],
                    is_answered=row.get("status") is not None,
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ParseError("the observer's ledger holds a line that is no attempt") from error
    return attempts

"""Asking another application over HTTPS, its certificate checked: first at its service address, then where else it may be.

A node that holds a service address itself never leaves for it, so when the other application was moved to the other
site the address reaches nobody here; the next address in the list is then that site's own.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from typing import Any

SECONDS = 3.0
LARGEST_BYTES = 256 << 20


class NoAnswer(Exception):
    """None of the addresses gave an answer; the message names each with its reason."""


class Client:
    """Asks one application by the addresses it may have."""

    def __init__(self, addresses: tuple[str, ...], ca: str) -> None:
        """Keep the addresses, `https://host:port`, and the authority that signed their certificates."""
        self._addresses = addresses
        self._context = ssl.create_default_context(cafile=ca)

    def get(self, path: str) -> tuple[int, bytes]:
        """The status and body of the first address that gives one. Raises NoAnswer."""
        reasons = []
        for address in self._addresses:
            try:
                return self._get(address, path)
            except (OSError, http.client.HTTPException) as error:
                reasons.append(f"{address}: {error}")
        raise NoAnswer("; ".join(reasons) or "no address is configured")

    def get_json(self, path: str) -> tuple[int, Any]:
        """The same with the body decoded. Raises NoAnswer, for what is not JSON too."""
        status, body = self.get(path)
        try:
            return status, json.loads(body)
        except ValueError as error:
            raise NoAnswer(f"{path} gave status {status} and no JSON") from error

    def _get(self, address: str, path: str) -> tuple[int, bytes]:
        where = urllib.parse.urlsplit(address)
        connection = http.client.HTTPSConnection(where.hostname or "", where.port, timeout=SECONDS, context=self._context)
        try:
            connection.request("GET", path)
            found = connection.getresponse()
            return found.status, found.read(LARGEST_BYTES)
        finally:
            connection.close()

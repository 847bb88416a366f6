"""What a control changes for the time of one probe: what recovered data is held against, or what the probe meets.

The data is never touched. A manifest that has more stands for data that has less; a port that answers otherwise stands
for a service or a server that would. The probe itself is the one that verifies, and knows nothing of it.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dcops.drills.context import DrillContext
from dcops.drills.model import Control
from dcops.drills.plan import tampered
from dcops.drills.ports import Hosts, Web

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_DIGEST = re.compile(r"^[0-9a-f]{64}(?= )", re.MULTILINE)
ERROR_PAGE = b"<!doctype html><title>Error</title><h1>Something went wrong</h1><p>Please try again later.</p>"


class ErrorPages:
    """A service that answers everything with an error page and status 200."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def get(self, service: str, path: str, **more: Any) -> tuple[int, bytes]:
        """Ask the real service, so that one that is not there still fails; give the page."""
        self._web.get(service, path, **more)
        return 200, ERROR_PAGE

    def post(self, service: str, path: str, body: Mapping[str, Any], **more: Any) -> tuple[int, bytes]:
        """Give the page; nothing is sent."""
        del service, path, body, more
        return 200, ERROR_PAGE


class EmptiedFiles:
    """Servers on which every file that is hashed is found empty."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def run(self, device: str, argv: Sequence[str], **more: Any) -> str:
        """Run it, and give its output with each SHA-256 that begins a line replaced by that of nothing."""
        return _DIGEST.sub(EMPTY_SHA256, self._hosts.run(device, argv, **more))

    def status(self, device: str, argv: Sequence[str]) -> int:
        """Run it as it is."""
        return self._hosts.status(device, argv)

    def copy(self, *wherever: Any) -> int:
        """Copy as it is."""
        return self._hosts.copy(*wherever)


@contextmanager
def tampering(context: DrillContext, control: Control) -> Iterator[None]:
    """Let what runs in here meet what the control says; afterwards the context is as it was."""
    point, web, hosts = context.point, context.web, context.hosts
    if control.tamper == "error_page_200":
        context.web = ErrorPages(web)
    elif control.tamper == "empty_attachments":
        context.hosts = EmptiedFiles(hosts)
    else:
        context.point = tampered(context.recovery_point(), control)
    try:
        yield
    finally:
        context.point, context.web, context.hosts = point, web, hosts

"""What a control changes for the time of one probe: what recovered data is held against, or what the probe meets.

The data is never touched. A manifest that has more stands for data that has less; a port that answers otherwise stands
for a service or a server that would. The probe itself is the one that verifies, and knows nothing of it.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from dcops.drills.context import DrillContext
from dcops.drills.model import Attempt, Control
from dcops.drills.network import LinkState
from dcops.drills.plan import tampered
from dcops.drills.ports import Hosts, Observer, Routers, Upstreams, Web

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_DIGEST = re.compile(r"^[0-9a-f]{64}(?= )", re.MULTILINE)
ERROR_PAGE = b"<!doctype html><title>Error</title><h1>Something went wrong</h1><p>Please try again later.</p>"


class ErrorPages:
    """A service that answers everything with an error page and status 200."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def place(self, service: str) -> tuple[str, int, str]:
        """Give the real place."""
        return self._web.place(service)

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


class OneLineMore:
    """Devices of which one line more is kept than they were given, and that have one neighbour more than they see."""

    def __init__(self, routers: Routers, word: str) -> None:
        self._routers, self._word = routers, word

    def kept(self, device: str) -> tuple[str, ...]:
        """Give what is kept, and a line that the device lacks."""
        kept = self._routers.kept(device)
        return (*kept, "one line more") if self._word == "one_line_more" and kept else kept

    def running(self, device: str) -> tuple[str, ...]:
        """Give what runs, as it is."""
        return self._routers.running(device)

    def sessions(self, device: str) -> Mapping[str, bool]:
        """Give the sessions, and one that is not there."""
        found = dict(self._routers.sessions(device))
        return found | ({"one neighbour more": False} if self._word == "one_session_more" else {})


class OneSessionLess:
    """Links of which one session less is seen than there is."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    def state(self, upstream: str, routers: Sequence[str] = ()) -> LinkState:
        """Give the state with one session less."""
        seen = self._upstreams.state(upstream, routers)
        return seen.model_copy(update={"sessions": seen.sessions - 1})


class OneOutageMore:
    """An observer none of whose letters was acknowledged but the newest, and that one an hour later."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def attempts(self, since: datetime, until: datetime | None = None) -> list[Attempt]:
        """Give the attempts, all but the last one failed, with a gap longer than any drill allows."""
        found = self._observer.attempts(since, until)
        failed = [each.model_copy(update={"is_acknowledged": False}) for each in found[:-1]]
        return failed + [each.model_copy(update={"at": each.at + timedelta(hours=1)}) for each in found[-1:]]

    def lost(self, since: datetime, until: datetime) -> tuple[int, int]:
        """Ask as it is."""
        return self._observer.lost(since, until)


class TooFewHops(EmptiedFiles):
    """Servers whose packets end at the first router."""

    def run(self, device: str, argv: Sequence[str], **more: Any) -> str:
        """Run it as it is."""
        return self._hosts.run(device, argv, **more)

    def status(self, device: str, argv: Sequence[str]) -> int:
        """Run it; a ping gets a time to live of one hop."""
        few = [argv[0], "-t", "1", *argv[1:]] if argv[0] == "ping" else argv
        return self._hosts.status(device, few)


@contextmanager
def tampering(context: DrillContext, control: Control) -> Iterator[None]:
    """Let what runs in here meet what the control says; afterwards the context is as it was."""
    before = {name: getattr(context, name) for name in ("point", "web", "hosts", "routers", "upstreams", "observer")}
    if control.tamper == "error_page_200":
        context.web = ErrorPages(context.web)
    elif control.tamper == "empty_attachments":
        context.hosts = EmptiedFiles(context.hosts)
    elif control.tamper == "too_few_hops":
        context.hosts = TooFewHops(context.hosts)
    elif control.tamper == "one_outage_more":
        context.observer = OneOutageMore(context.observer)
    elif control.tamper in ("one_line_more", "one_session_more"):
        context.routers = OneLineMore(context.routers, control.tamper)
        context.upstreams = OneSessionLess(context.upstreams)
    else:
        context.point = tampered(context.recovery_point(), control)
    try:
        yield
    finally:
        for name, port in before.items():
            setattr(context, name, port)

"""The registry's use cases: applications as others may see them, and the state of the links upstream."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from dcops.core.errors import UsageError
from dcops.core.text import did_you_mean
from dcops.inventory.model import Inventory
from dcops.inventory.model.application import Upstream
from dcops.registry.model import Check, LinkStatus, PublicApplication, PublicLink
from dcops.registry.plan import aged, bgp_check, conclude, public_application
from dcops.registry.ports import HttpsProbe, Memory, SessionReader

__all__ = ["Ages", "Board", "applications", "look_at"]


@dataclass(frozen=True)
class Ages:
    """How old things may be, in seconds: a scraped session, a status kept for the next reader, a status at all."""

    session_seconds: float = 60.0
    reuse_seconds: float = 5.0
    stale_seconds: float = 60.0


def applications(inventory: Inventory) -> tuple[PublicApplication, ...]:
    """Every application of the catalogue, in its order, as others may see it."""
    return tuple(public_application(application) for application in inventory.applications.values())


def look_at(
    upstream: Upstream,
    *,
    sessions: SessionReader,
    probe: HttpsProbe,
    memory: Memory,
    now: Callable[[], datetime],
    ages: Ages = Ages(),
) -> LinkStatus:
    """The state of one link, found now from its BGP sessions and an HTTPS question; never raises for a link."""
    if upstream.probe is None:
        state, reason = conclude(())
        note = upstream.hosting.note
        return LinkStatus(state=state, reason=f"{reason}: {note}" if note else reason, source="inventory")
    checks: list[Check] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        asked = None
        if upstream.probe.https_url is not None:
            asked = pool.submit(probe.ask, upstream.probe.https_url, upstream.probe.authority)
        found = sessions.read(upstream.probe.bgp_neighbors)
        moment = now()
        checks += [bgp_check(session, moment, ages.session_seconds) for session in found]
        if asked is not None:
            checks.append(asked.result())
    state, reason = conclude(checks)
    moment = now()
    return LinkStatus(
        state=state,
        since=memory.since(upstream.key, state, moment),
        observed_at=moment,
        stale_after=moment + timedelta(seconds=ages.stale_seconds),
        source="BGP sessions of the ministry's routers and an HTTPS question from this host",
        reason=reason,
        checks=tuple(checks),
    )


class Board:
    """The links with their states, looked at when asked and kept for a few seconds; safe in several threads."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        look: Callable[[Upstream], LinkStatus],
        now: Callable[[], datetime],
        ages: Ages = Ages(),
    ) -> None:
        self._inventory, self._look, self._now, self._ages = inventory, look, now, ages
        self._kept: dict[str, LinkStatus] = {}
        self._taken: dict[str, datetime] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def links(self) -> tuple[PublicLink, ...]:
        """Every link of the inventory with its state now, looked at side by side."""
        upstreams = tuple(self._inventory().upstreams.values())
        with ThreadPoolExecutor(max_workers=4) as pool:
            return tuple(pool.map(self._link, upstreams))

    def link(self, key: str) -> PublicLink:
        """The link called `key` with its state now; raise UsageError for an unknown one."""
        upstreams = self._inventory().upstreams
        if key not in upstreams:
            near = did_you_mean(key, upstreams)
            hint = f'Did you mean "{near}"?' if near else f"Known: {', '.join(upstreams) or 'none'}."
            raise UsageError(f'upstream "{key}" is unknown', hint=hint)
        return self._link(upstreams[key])

    def last_states(self) -> dict[str, LinkStatus]:
        """The states as last seen, aged to now; nothing is looked at."""
        now = self._now()
        return {key: aged(status, now) for key, status in dict(self._kept).items()}

    def _link(self, upstream: Upstream) -> PublicLink:
        return PublicLink(
            id=upstream.key,
            kind=upstream.kind.value,
            name=upstream.name,
            clauses=upstream.clauses,
            hosting=upstream.hosting.state.value,
            status=self._status(upstream),
        )

    def _status(self, upstream: Upstream) -> LinkStatus:
        with self._guard:
            lock = self._locks.setdefault(upstream.key, threading.Lock())
        with lock:  # several readers at once cost one look
            taken = self._taken.get(upstream.key)
            if taken is None or self._now() - taken > timedelta(seconds=self._ages.reuse_seconds):
                self._kept[upstream.key] = self._look(upstream)
                self._taken[upstream.key] = self._now()
            return aged(self._kept[upstream.key], self._now())

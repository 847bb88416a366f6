"""Joins the registry: BGP sessions from Prometheus, or straight from the routers by SNMP while it is silent."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError
from dcops.core.secrets import SecretStore, file_below
from dcops.core.settings import Settings
from dcops.core.words import Status
from dcops.inventory.model import Inventory
from dcops.metrics.model import Sample
from dcops.metrics.prometheus import Prometheus
from dcops.registry.files import FileMemory
from dcops.registry.https import HttpsAsker
from dcops.registry.model import Check, CheckKind, Session
from dcops.registry.ports import SessionReader
from dcops.registry.service import Board, look_at
from dcops.snmp.model import Endpoint
from dcops.snmp.service import poll
from dcops.snmp.walk import as_integer
from dcops.wiring.snmp import Auths, open_client

__all__ = ["PROMETHEUS_URL", "MetricSessions", "NotHere", "SnmpSessions", "open_board"]

logger = logging.getLogger(__name__)
PROMETHEUS_URL = "DCOPS_PROMETHEUS_URL"
_STATE_OID = "1.3.6.1.2.1.15.3.1.2"
_ESTABLISHED = 6


def open_board(settings: Settings, inventory: Callable[[], Inventory]) -> Board:
    """The board of upstream links of this installation; DCOPS_PROMETHEUS_URL names Prometheus."""
    if not settings.identity_path.exists():
        nobody = NotHere()
        here = partial(look_at, sessions=nobody, probe=nobody, memory=nobody, now=utc_now)
        return Board(inventory, here, utc_now)
    store = SecretStore(settings)
    prometheus = Prometheus(os.environ.get(PROMETHEUS_URL) or "http://127.0.0.1:9090", timeout_seconds=3)
    direct = SnmpSessions(inventory, lambda: Auths(settings.home / "exporters" / "auths.yml", store))
    look = partial(
        look_at,
        sessions=MetricSessions(prometheus, direct),
        probe=HttpsAsker(partial(file_below, settings.secrets)),
        memory=FileMemory(settings.state / "registry" / "upstreams.json"),
        now=utc_now,
    )
    return Board(inventory, look, utc_now)


class NotHere:
    """Looks at nothing: on a host that is not enrolled the inventory's addresses might be somebody else's."""

    _REASON = "this host is not enrolled, so it looks at no link"

    def read(self, wanted: Mapping[str, str]) -> Sequence[Session]:
        """Every session unknown."""
        return [Session(router=router, peer=peer, detail=self._REASON) for router, peer in wanted.items()]

    def ask(self, url: str, authority: str | None) -> Check:  # noqa: ARG002 - the port's signature
        """A check that was not made."""
        return Check(kind=CheckKind.HTTPS, target=url, state=Status.UNKNOWN, detail=self._REASON)

    def since(self, key: str, state: Status, now: datetime) -> datetime:  # noqa: ARG002 - the port's signature
        """Now: nothing is remembered of what is not seen."""
        return now


class MetricSessions:
    """Sessions as Prometheus last scraped them; those it does not know are asked of `fallback`."""

    def __init__(self, prometheus: Prometheus, fallback: SessionReader) -> None:
        self._prometheus = prometheus
        self._fallback = fallback

    def read(self, wanted: Mapping[str, str]) -> Sequence[Session]:
        """One session for each router -> neighbour's address."""
        try:
            samples = self._prometheus.latest("dcops_bgp_peer_established")
        except DcopsError as error:
            logger.warning("Prometheus not asked for BGP sessions: %s", error)
            return self._fallback.read(wanted)
        by_key = {(item.labels.get("device"), item.labels.get("peer")): item for item in samples}
        missing = {router: peer for router, peer in wanted.items() if (router, peer) not in by_key}
        asked = {session.router: session for session in self._fallback.read(missing)} if missing else {}
        return [asked.get(router) or _of_sample(router, peer, by_key[router, peer]) for router, peer in wanted.items()]


def _of_sample(router: str, peer: str, sample: Sample) -> Session:
    return Session(router=router, peer=peer, is_established=sample.value == 1, observed_at=sample.observed_at)


class SnmpSessions:
    """Sessions asked of the routers themselves, side by side."""

    def __init__(self, inventory: Callable[[], Inventory], auths: Callable[[], Auths]) -> None:
        self._inventory = inventory
        self._auths = auths

    def read(self, wanted: Mapping[str, str]) -> Sequence[Session]:
        """One session for each router -> neighbour's address; a router that does not answer leaves it unknown."""
        if not wanted:
            return []
        with ThreadPoolExecutor(max_workers=8) as pool:
            return list(pool.map(lambda item: self._one(*item), wanted.items()))

    def _one(self, router: str, peer: str) -> Session:
        try:
            device = self._inventory().devices[router]
            endpoint = Endpoint(device.address or "", device=router)
            found = poll(open_client(), endpoint, self._auths().get("default"), [_STATE_OID], deadline_seconds=2)
        except (DcopsError, KeyError, ValueError) as error:
            return Session(router=router, peer=peer, detail=f"not read: {error}")
        state = as_integer(found.walk.scalar(f"{_STATE_OID}.{peer}"))
        return Session(
            router=router,
            peer=peer,
            is_established=state == _ESTABLISHED,
            observed_at=utc_now(),
            detail="" if state is not None else "the router has no such session",
        )

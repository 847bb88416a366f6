"""Polling one agent: every subtree of several modules once, tried again on silence, within one deadline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dcops.core.clock import monotonic
from dcops.core.errors import TimedOut
from dcops.snmp.model import Auth, Endpoint, SubtreeStats, Varbind
from dcops.snmp.ports import SnmpClient
from dcops.snmp.walk import Walk, parse_oid

__all__ = ["Poll", "poll", "union"]

ATTEMPTS = 3
ANSWER_SECONDS = 1.5  # an agent that is there answers in milliseconds; what is longer is a lost packet


@dataclass(frozen=True)
class Poll:
    """What an agent answered and what each subtree cost."""

    walk: Walk
    stats: tuple[SubtreeStats, ...]


def union(subtrees: Sequence[str]) -> tuple[str, ...]:
    """The subtrees without those that lie inside another one, in rising order."""
    kept: list[str] = []
    for oid in sorted(set(subtrees), key=parse_oid):
        base = parse_oid(kept[-1]) if kept else None
        if base is None or parse_oid(oid)[: len(base)] != base:
            kept.append(oid)
    return tuple(kept)


def poll(
    client: SnmpClient, endpoint: Endpoint, auth: Auth, subtrees: Sequence[str], *, deadline_seconds: float
) -> Poll:
    """Everything below `subtrees`. Raise TimedOut when the deadline passes or one subtree stays silent."""
    end = monotonic() + deadline_seconds
    varbinds: list[Varbind] = []
    stats: list[SubtreeStats] = []
    for oid in union(subtrees):
        found, stat = _subtree(client, endpoint, auth, oid, end)
        varbinds += found
        stats.append(stat)
    return Poll(Walk(varbinds), tuple(stats))


def _subtree(
    client: SnmpClient, endpoint: Endpoint, auth: Auth, oid: str, end: float
) -> tuple[Sequence[Varbind], SubtreeStats]:
    started = monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        left = end - monotonic()
        if left <= 0:
            break
        try:
            found = client.walk(endpoint, auth, oid, timeout_seconds=min(ANSWER_SECONDS, left), deadline_seconds=left)
        except TimedOut:
            continue
        return found, SubtreeStats(oid, monotonic() - started, len(found), attempt)
    waited = monotonic() - started
    raise TimedOut(f"no answer for {oid} within {waited:.1f} s", where=str(endpoint), hint="Agent, community, path?")

"""Writing sessions only with the devices that were enrolled under their names.

At the first write on a device its host key goes into a record of kind `enrolment`. From then on, a known_hosts file
that says another key, by mistake or by somebody's hand, is refused before a session is opened.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from dcops.core.errors import Refused
from dcops.network.host_keys import recorded_fingerprints
from dcops.network.model import Target
from dcops.network.ports import DeviceWriter, OpenWriter

__all__ = ["EnrolledWriters", "EnrolmentJournal", "RecordReader"]

FACT = "host_key_sha256"


class RecordReader(Protocol):
    """The reading part of a journal."""

    def query(self, *, kind: str | None = None, is_newest_first: bool = False) -> Iterable[Any]:
        """Records of a kind."""


class EnrolmentJournal(RecordReader, Protocol):
    """The part of a journal this needs."""

    def append(self, kind: str, payload: Mapping[str, Any]) -> object:
        """Write one record."""


class EnrolledWriters:
    """Opens writing sessions through `inner` after holding the device's recorded host key against its enrolment."""

    def __init__(self, inner: OpenWriter, journal: EnrolmentJournal, known_hosts: Path, inventory: str) -> None:
        self._inner, self._journal = inner, journal
        self._known_hosts, self._inventory = known_hosts, inventory
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, target: Target) -> Iterator[DeviceWriter]:
        """A writing session; raise Refused (exit 7) when the device is not the one that was enrolled."""
        recorded = recorded_fingerprints(self._known_hosts, target.address, target.port)
        enrolled = self._enrolled(target)
        if enrolled is not None and enrolled not in recorded:
            raise Refused(
                "its recorded host key is not the one it was enrolled with",
                where=target.name,
                hint=f"Find out who changed {self._known_hosts}; enrol the device again if it was replaced.",
            )
        with self._inner(target) as session:  # the session itself proves that the device holds a recorded key
            if enrolled is None and len(recorded) == 1:
                self._enrol(target, next(iter(recorded)))
            yield session

    def _enrolled(self, target: Target) -> str | None:
        with self._lock:
            for record in self._journal.query(kind="enrolment", is_newest_first=True):
                found = record.payload
                if found["subject"] == "device" and found["name"] == target.name:
                    return str(found["facts"].get(FACT, "")) or None
        return None

    def _enrol(self, target: Target, fingerprint: str) -> None:
        payload = {
            "name": target.name,
            "subject": "device",
            "inventory": self._inventory,
            "site": target.site,
            "facts": {FACT: fingerprint},
        }
        with self._lock:
            self._journal.append("enrolment", payload)

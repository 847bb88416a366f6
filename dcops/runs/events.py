"""Events of one run: JSON lines appended and fsynced one by one, readable after a kill at any instant."""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcops.core.clock import rfc3339, utc_now
from dcops.core.errors import DcopsError
from dcops.records.canonical import canonical_text

_OWN = frozenset({"at", "event"})


@dataclass(frozen=True)
class Event:
    """One line of a run's log. `at` is RFC 3339 UTC; `fields` are JSON values."""

    at: str
    name: str
    fields: Mapping[str, Any]


class EventLog:
    """Appends events to a file; safe from several threads. Each event is on disk when `append` returns.

    A full disk never stops the act: such an event goes to stderr (systemd keeps it) and `has_gap` says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.has_gap = False
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def append(self, name: str, fields: Mapping[str, Any]) -> Event:
        """Write one event and return it; raise DcopsError for a secret, no JSON form, or a field of our own."""
        if own := _OWN & fields.keys():
            raise DcopsError(f"the field {min(own)} is the log's own", where=f"event {name}", hint="Name it otherwise.")
        event = Event(rfc3339(utc_now()), name, dict(fields))
        text = canonical_text({"at": event.at, "event": name, **event.fields}, where=f"event {name}")
        with self._lock:
            try:
                _write_all(self._file, text.encode("utf-8") + b"\n")
                os.fsync(self._file)
            except OSError as error:
                self.has_gap = True
                print(f"dcops: event not kept ({error.strerror}): {text}", file=sys.stderr, flush=True)
        return event

    def close(self) -> None:
        """Close the file; a second call is harmless."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a log in order; a torn last line (killed while writing) is left out."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            data = json.loads(line)
        except ValueError:
            continue
        yield Event(data.pop("at"), data.pop("event"), data)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]

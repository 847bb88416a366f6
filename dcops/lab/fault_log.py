"""Writes down every fault that was asked for: a line in the twin's `faults.jsonl`, a record in this host's journal.

The fault has happened by then, so nothing here may stop its answer: what cannot be written is said on standard error,
which is the supervisor's log. The journal itself spools a record that its store cannot take.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcops.core.clock import rfc3339, utc_now
from dcops.core.ulid import is_ulid
from dcops.records.kinds.lab import LabFault
from dcops.runs.run import RecordSink

OpenJournal = Callable[[], RecordSink]
_ARGUMENTS = ("silent", "end", "rate", "loss", "delay", "new")


@dataclass(frozen=True)
class Asker:
    """Who asked: `place` is `host`, or the node whose process it was; `actor` as the host's verb names itself.

    `is_boot`: a node was started to bring the twin up, which is no fault.
    """

    place: str
    actor: str = ""
    is_boot: bool = False


class FaultLog:
    """Keeps faults of one twin. Safe to call from several threads."""

    def __init__(self, path: Path, twin: str, open_journal: OpenJournal) -> None:
        self._path, self._twin, self._open_journal = path, twin, open_journal
        self._lock = threading.Lock()

    def keep(self, request: Mapping[str, Any], asker: Asker, *, error: str | None) -> None:
        """Write one request down with how it ended; `error` is None when it was carried out."""
        with self._lock:
            self._guarded(lambda: self._line(request, asker, error))
            if not asker.is_boot:
                self._guarded(lambda: self._record(request, asker, error))

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as problem:  # whatever it is, the fault stands and its answer must go out
            text = str(problem) or type(problem).__name__
            sys.stderr.write(f"{rfc3339(utc_now())} a fault could not be written down: {text}\n")
            sys.stderr.flush()

    def _line(self, request: Mapping[str, Any], asker: Asker, error: str | None) -> None:
        said = {key: value for key, value in request.items() if value not in (None, False)}
        entry = {"at": rfc3339(utc_now()), "by": asker.place, **said, "ok": error is None}
        with self._path.open("a") as stream:
            stream.write(json.dumps(entry if error is None else {**entry, "error": error}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _record(self, request: Mapping[str, Any], asker: Asker, error: str | None) -> None:
        payload = LabFault(
            twin=self._twin,
            verb=_short(request.get("verb")),
            target=_short(_target(request)),
            arguments={name: _plain(request[name]) for name in _ARGUMENTS if request.get(name) not in (None, False)},
            is_ok=error is None,
            error=error or "",
        )
        run = request.get("run")
        self._open_journal().append(
            payload.kind,
            payload.model_dump(mode="json"),
            run=run if isinstance(run, str) and is_ulid(run) else None,
            actor=(asker.actor or None) if asker.place == "host" else f"root@{asker.place}",
        )


def _target(request: Mapping[str, Any]) -> object:
    """Give what a request is about: one name, or several at once."""
    names = request.get("targets")
    return " ".join(map(str, names)) if isinstance(names, list) else request.get("target")


def _short(value: object) -> str:
    """Give a word as a record keeps it; a node may ask for anything."""
    return "" if value is None else str(value)[:200]


def _plain(value: object) -> str | int | float | bool:
    return value if isinstance(value, bool | int | float) else _short(value)

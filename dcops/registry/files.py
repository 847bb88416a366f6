"""The memory of states in a small file, so that "since" outlives a restart."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from dcops.core.clock import parse_rfc3339, rfc3339
from dcops.core.errors import DcopsError
from dcops.core.files import write_atomic
from dcops.core.words import Status

__all__ = ["FileMemory"]


class FileMemory:
    """Keeps key -> state and since when. A file that cannot be read or written costs the past, never an answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._fallback: dict[str, tuple[str, str]] = {}

    def since(self, key: str, state: Status, now: datetime) -> datetime:
        """When `key` came into `state`; `now` when that is news."""
        with self._lock:
            known = self._load()
            state_then, since = known.get(key, ("", ""))
            if state_then == state.value:
                with suppress(ValueError, DcopsError):  # a moment that is none is forgotten like the rest
                    return parse_rfc3339(since)
            known[key] = (state.value, rfc3339(now))
            self._save(known)
            return now

    def _load(self) -> dict[str, tuple[str, str]]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(key): (str(value[0]), str(value[1])) for key, value in document.items()}
        except (OSError, ValueError, AttributeError, IndexError, TypeError):
            return dict(self._fallback)

    def _save(self, known: dict[str, tuple[str, str]]) -> None:
        self._fallback = known
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path, json.dumps(known, indent=2) + "\n")
        except (OSError, DcopsError):
            return  # a full disk must not hide the state of a link

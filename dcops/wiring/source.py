"""The inventory for long-running servers: read again when a file changes, the last good one kept when it is wrong."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError
from dcops.inventory import Inventory, load

__all__ = ["InventorySource"]

logger = logging.getLogger(__name__)
CHECK_SECONDS = 2.0


class InventorySource:
    """Gives the inventory below `root`. Made with a first load, which raises SpecError; later errors keep the last."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._inventory = load(root)
        self._stamp = self._stamp_now()
        self._checked = monotonic()
        self.error: DcopsError | None = None

    def get(self) -> Inventory:
        """The inventory as it is now, looked at again at most every two seconds."""
        with self._lock:
            if monotonic() - self._checked >= CHECK_SECONDS:
                self._checked = monotonic()
                self._refresh()
            return self._inventory

    def _refresh(self) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._inventory = load(self._root)
            self.error = None
        except DcopsError as error:
            self.error = error
            logger.error("inventory not loaded, the last good one is kept: %s", error.message)

    def _stamp_now(self) -> tuple[tuple[str, int, int], ...]:
        paths = [*self._root.rglob("*.yml"), *self._inventory.files]
        stamps = []
        for path in sorted(set(paths)):
            try:
                status = path.stat()
            except OSError:
                continue  # a file that is gone changes the stamp by its absence
            stamps.append((str(path), status.st_mtime_ns, status.st_size))
        return tuple(stamps)

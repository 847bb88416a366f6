"""Whether this site may accept writes: the site permit's file, read anew each time. See docs/site-permit.md."""

from __future__ import annotations

import json
import time
from pathlib import Path


def is_permitted(path: Path | None) -> bool:
    """Whether a write may be accepted now; without `path` (no permit in use here) always."""
    if path is None:
        return True
    try:
        until = float(json.loads(path.read_text(encoding="utf-8"))["until"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return time.clock_gettime(time.CLOCK_BOOTTIME) < until

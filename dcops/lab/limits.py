"""The one setting of this machine that a twin needs raised, and put back when the last twin goes.

Each booted system holds about six inotify instances, all counted for this machine's root; the usual limit of 128 is
reached by some twenty nodes, and the next ones do not boot.
"""

import json
from pathlib import Path

from dcops.core.files import write_atomic
from dcops.lab import cgroups

SETTING = Path("/proc/sys/fs/inotify/max_user_instances")
WANTED = 1024
_BEFORE = Path("/run/dcops-lab-limits.json")


def current() -> int:
    """Give the limit in force."""
    return int(SETTING.read_text())


def raise_limits() -> bool:
    """Raise the limit where it is too low, and remember what it was; give whether anything was changed."""
    before = current()
    if before >= WANTED:
        return False
    if not _BEFORE.exists():
        write_atomic(_BEFORE, json.dumps({str(SETTING): before}) + "\n")
    SETTING.write_text(str(WANTED))
    return True


def restore_limits() -> None:
    """Put the limit back as it was before the first twin, unless another twin is up or somebody set it meanwhile."""
    if not _BEFORE.exists() or any(cgroups.unified_root().glob("dcops[-_]*")):
        return
    before = json.loads(_BEFORE.read_text()).get(str(SETTING))
    if before is not None and current() == WANTED:
        SETTING.write_text(str(before))
    _BEFORE.unlink(missing_ok=True)

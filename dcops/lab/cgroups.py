"""Control groups of a twin's nodes: made, watched, killed as a whole. Both cgroup v2 and the v1 hybrid.

On a host without systemd the lab makes the groups itself, below `dcops-TWIN` in each hierarchy; on a host with
systemd they are slices and services, and this module only reads, kills and freezes there.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from dcops.core.errors import DcopsError
from dcops.lab.model import Twin

ROOT = Path("/sys/fs/cgroup")
# The hierarchies a booted systemd needs on a hybrid host, besides the unified one.
_V1 = ("systemd", "freezer", "memory", "pids")


def unified_root() -> Path:
    """Give the mount of the unified hierarchy: the root itself on v2, `unified` on a hybrid host."""
    return ROOT if (ROOT / "cgroup.controllers").exists() else ROOT / "unified"


def hierarchies() -> tuple[Path, ...]:
    """Give the mounts in which a node needs a group of its own."""
    if (ROOT / "cgroup.controllers").exists():
        return (ROOT,)
    found = (ROOT / "unified", *(ROOT / name for name in _V1))
    return tuple(path for path in found if path.is_dir())


def node_path(twin: Twin, node: str) -> Path:
    """Give the node's group in the unified hierarchy, on a host where the lab makes the groups."""
    return unified_root() / twin.cgroup / node


def processes(group: Path) -> tuple[int, ...]:
    """Give the ids of all processes in a group and below it; empty when there is none."""
    found: list[int] = []
    for folder in _below(group):
        try:
            found += [int(line) for line in (folder / "cgroup.procs").read_text().split()]
        except OSError:
            continue
    return tuple(found)


def _below(group: Path) -> Iterator[Path]:
    """Walk a group and its children, deepest last; a group that vanishes meanwhile is skipped."""
    for folder, _, _ in os.walk(group, onerror=lambda _: None):
        yield Path(folder)


def is_populated(group: Path) -> bool:
    """Say whether any live process is in the group or below; zombies do not count."""
    try:
        return "populated 1" in (group / "cgroup.events").read_text()
    except OSError:
        return False


def kill(group: Path, *, timeout_seconds: float = 10.0) -> None:
    """End every process in the group at once, frozen ones too, and wait until none is left.

    Raises DcopsError when some survive `timeout_seconds`.
    """
    if not group.is_dir():
        return
    deadline = time.monotonic() + timeout_seconds
    while is_populated(group):
        try:
            (group / "cgroup.kill").write_text("1")
        except OSError:
            for pid in processes(group):
                _kill(pid)
        if time.monotonic() > deadline:
            raise DcopsError("processes do not end", where=str(group), hint="Look at `cat cgroup.procs` there.")
        time.sleep(0.02)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def remove(twin: Twin, node: str | None = None) -> None:
    """Remove the empty groups of a node, or of the whole twin, in every hierarchy; deepest first."""
    for root in hierarchies():
        top = root / twin.cgroup
        _remove_tree(top / node if node else top)


def _remove_tree(top: Path) -> None:
    if not top.is_dir():
        return
    deadline = time.monotonic() + 5
    for folder in sorted(_below(top), key=lambda p: len(p.parts), reverse=True):
        while True:
            try:
                folder.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError as error:
                # the kernel lets go of a killed process's group a little later than of the process
                if time.monotonic() > deadline:
                    raise DcopsError(f"cannot remove the control group: {error.strerror}", where=str(folder)) from error
                time.sleep(0.02)


def exists(twin: Twin) -> bool:
    """Say whether anything of the twin's groups is there."""
    return any((root / twin.cgroup).is_dir() for root in hierarchies())


def usage(group: Path) -> tuple[float, int]:
    """Give (CPU seconds, resident bytes) used by a group; zeros where the kernel does not say."""
    cpu = 0.0
    try:
        for line in (group / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec"):
                cpu = int(line.split()[1]) / 1e6
    except OSError:
        pass
    for path in (group / "memory.current", ROOT / "memory" / group.parent.name / group.name / "memory.usage_in_bytes"):
        try:
            return cpu, int(path.read_text())
        except OSError:
            continue
    return cpu, 0


def init_of(group: Path) -> int | None:
    """Give the host's id of the process that is number 1 inside the node, or None when it does not run."""
    for pid in processes(group):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("NSpid:") and line.split()[1:][-1] == "1" and len(line.split()) > 2:
                return pid
    return None

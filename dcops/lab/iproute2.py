"""Drives iproute2, tc and nftables: namespaces, bridges, plugs, faults on links. Never the host's own network."""

import json
from collections.abc import Iterable
from pathlib import Path

from dcops.core.errors import CommandError, DcopsError
from dcops.core.process import run
from dcops.lab.cables import Batch, Space
from dcops.lab.model import Twin

_RUN = Path("/run/netns")


def namespaces(twin: Twin) -> tuple[str, ...]:
    """Give the namespaces that carry the twin's name, ours or not."""
    return tuple(sorted(p.name for p in _RUN.glob(f"{twin.name}-*"))) if _RUN.is_dir() else ()


def marks(names: Iterable[str]) -> dict[str, str]:
    """Give namespace -> what is written on it (alias of its loopback interface); empty when nothing is."""
    found = {}
    for name in names:
        done = run(["ip", "-n", name, "-j", "link", "show", "dev", "lo"], check=False)
        rows = json.loads(done.stdout or b"[]") if done.returncode == 0 else []
        found[name] = rows[0].get("ifalias", "") if rows else ""
    return found


def owned(twin: Twin) -> dict[str, str]:
    """Give our namespaces -> fingerprint of their content (empty while being made).

    Raises DcopsError when a namespace of that name belongs to somebody else: another tool, or a twin of the same name
    made from another state folder.
    """
    mine = {}
    for name, mark in marks(namespaces(twin)).items():
        if mark.startswith(twin.mark):
            mine[name] = mark[len(twin.mark) :].strip()
        elif mark:
            raise DcopsError(
                f'the network namespace "{name}" belongs to another twin or tool',
                hint="Choose another name with --twin, or take that twin down from where it was started.",
            )
    return mine


def unmarked(twin: Twin, expected: Iterable[str]) -> tuple[str, ...]:
    """Give namespaces that we were about to mark when killed: a name the twin uses, nothing inside, no mark."""
    wanted = set(expected)
    return tuple(
        name for name, mark in marks(namespaces(twin)).items() if not mark and name in wanted and not _links(name)
    )


def _links(namespace: str) -> frozenset[str]:
    return interfaces(namespace) - {"lo"}


def interfaces(namespace: str) -> frozenset[str]:
    """Give the names of the interfaces in a namespace; empty when there is no such namespace."""
    done = run(["ip", "-n", namespace, "-j", "link", "show"], check=False)
    rows = json.loads(done.stdout or b"[]") if done.returncode == 0 else []
    return frozenset(row["ifname"] for row in rows if row)


def states(namespace: str) -> dict[str, bool]:
    """Give interface -> is it administratively up."""
    done = run(["ip", "-n", namespace, "-j", "link", "show"], check=False)
    rows = json.loads(done.stdout or b"[]") if done.returncode == 0 else []
    return {row["ifname"]: "UP" in row["flags"] for row in rows if row}


def make_spaces(twin: Twin, spaces: Iterable[Space]) -> None:
    """Make the namespaces, mark them as ours and set their kernel settings."""
    wanted = list(spaces)
    _batch(None, [f"netns add {space.namespace}" for space in wanted])
    for space in wanted:
        mark(twin, space, done=False)
        set_sysctls(space.namespace, space.sysctls)


def mark(twin: Twin, space: Space, *, done: bool) -> None:
    """Write on the namespace whose it is, and once it is complete, the fingerprint of its content."""
    text = f"{twin.mark} {space.fingerprint}" if done else twin.mark
    run(["ip", "-n", space.namespace, "link", "set", "dev", "lo", "alias", text])


def set_sysctls(namespace: str, settings: Iterable[str]) -> None:
    """Set kernel settings of a namespace from outside; `/proc/sys/net` is read-only for most of what runs inside."""
    words = list(settings)
    if words:
        run(["ip", "netns", "exec", namespace, "sysctl", "-qw", *words])


def apply(batches: Iterable[Batch]) -> None:
    """Run batches in order; neighbours for the same namespace go in one process."""
    merged: list[tuple[str, list[str]]] = []
    for batch in batches:
        for namespace, lines in merged:
            if namespace == batch.namespace:
                lines.extend(batch.lines)
                break
        else:
            merged.append((batch.namespace, list(batch.lines)))
    for namespace, lines in merged:
        _batch(namespace, lines)


def remove(names: Iterable[str]) -> None:
    """Delete namespaces; their veths and bridges go with them. No process may be left inside."""
    for name in names:
        run(["ip", "netns", "del", name], check=False)


def set_plugs(plugs: Iterable[tuple[str, str]], *, up: bool) -> None:
    """Set plugs, given as (namespace, interface), up or down."""
    apply(Batch(namespace, (f"link set dev {name} {'up' if up else 'down'}",)) for namespace, name in plugs)


def inode(namespace: str) -> int | None:
    """Give the inode of a namespace, which processes inside show as theirs; None when it is gone."""
    try:
        return (_RUN / namespace).stat().st_ino
    except OSError:
        return None


def _batch(namespace: str | None, lines: list[str]) -> None:
    if not lines:
        return
    where = ["-n", namespace] if namespace else []
    try:
        run(["ip", *where, "-batch", "-"], input=("\n".join(lines) + "\n").encode())
    except CommandError as error:
        raise DcopsError(f"wiring failed: {error.stderr_tail.strip()}", where=namespace or "ip netns") from error

"""Drives systemd-nspawn: the arguments of a node's boot, and two ways to launch it behind one port.

`BareLauncher` is for hosts without systemd as init (containers, small VMs): it makes the control groups itself.
`SystemdLauncher` is for hosts with systemd and cgroup v2: each node is a transient service in the twin's slice.
"""

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from dcops.core.errors import DcopsError
from dcops.core.process import Child, child_environment, run, start
from dcops.lab import cgroups
from dcops.lab.model import Node, Twin
from dcops.lab.overlay import Folders

# /proc/sys/net writable inside, so that a playbook's sysctl task works; kernel.* and vm.* stay refused.
ENVIRONMENT = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
# No security boundary, but no reason to leave these open either.
_DROPPED = "CAP_SYS_MODULE,CAP_SYS_TIME"
_CLOSED_CALLS = "~@clock @module @raw-io"
_CONTENT = ("dcops", "exporters", "dr_drills", "inventory", "playbooks", "monitors", "runbooks", "requirements")
# The entry points of drill actions are read from it where dcops is not installed as a package.
_PROJECT_FILE = "pyproject.toml"
# Puts the shell into a group of its own in each hierarchy, then becomes the program.
_ENTER = 'for d in $1; do mkdir -p "$d" && echo $$ >"$d/cgroup.procs" || exit 77; done; shift; exec "$@"'


def boot_arguments(twin: Twin, node: Node, folders: Folders, source: Path) -> list[str]:
    """Give systemd-nspawn's command line for a node."""
    words = [
        *("systemd-nspawn", "--quiet", f"--directory={folders.root(node.name)}"),
        f"--network-namespace-path=/run/netns/{twin.node(node.name)}",
        *("--register=no", "--keep-unit", f"--machine={twin.node(node.name)}"),
        *("--capability=CAP_NET_ADMIN,CAP_NET_RAW", f"--drop-capability={_DROPPED}"),
        f"--system-call-filter={_CLOSED_CALLS}",
        *("--console=read-only", "--resolv-conf=off", "--timezone=off", "--link-journal=no"),
        *(f"--bind-ro={folder}:/opt/dcops/src/{folder.name}" for folder in content(source)),
    ]
    if node.has_role("operations"):
        # The folder, not the socket: a new supervisor makes a new socket, and a bound file would stay the old one.
        words.append(f"--bind-ro={folders.faults}:/run/dcops-lab")
    return [*words, "--boot"]


def content(source: Path) -> tuple[Path, ...]:
    """Give what nodes see of a checkout: never its state, which holds the secrets of other nodes."""
    return tuple(source / name for name in (*_CONTENT, _PROJECT_FILE) if (source / name).exists())


class BareLauncher:
    """Boots nodes as our own children, each in a control group made here."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._children: dict[str, Child] = {}
        # Nodes are started and ended by the threads of requests while the watcher collects ended ones.
        self._guard = threading.Lock()

    def group(self, node: str) -> Path:
        """Give the node's control group in the unified hierarchy."""
        return cgroups.node_path(self._twin, node)

    def start(self, machine: str, argv: Sequence[str], node: str) -> None:
        """Boot; returns at once. Removes the old control group first: a unit restarted in a killed one dies again."""
        cgroups.remove(self._twin, node)
        groups = " ".join(str(root / self._twin.cgroup / node) for root in cgroups.hierarchies())
        shell = ["sh", "-c", _ENTER, machine, groups, *argv]
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path of ours
            child = start(shell, env=ENVIRONMENT, stdout=nowhere)
        with self._guard:
            self._children[node] = child

    def kill(self, node: str) -> None:
        """End everything of the node at once and remove its groups."""
        cgroups.kill(self.group(node))
        self.reap()
        cgroups.remove(self._twin, node)

    def is_running(self, node: str) -> bool:
        """Say whether any process of the node is alive."""
        return cgroups.is_populated(self.group(node))

    def remove_all(self) -> None:
        """End and remove whatever is left of the twin's groups. Raises DcopsError when a process does not end."""
        cgroups.kill(cgroups.unified_root() / self._twin.cgroup)
        with self._guard:
            left = dict(self._children)
            self._children.clear()
        for node, child in left.items():
            try:
                child.popen.wait(timeout=5)
            except subprocess.TimeoutExpired as error:
                raise DcopsError(f"process {child.popen.pid} does not end", where=node) from error
        cgroups.remove(self._twin)

    def reap(self) -> None:
        """Collect ended children."""
        with self._guard:
            for node in [name for name, child in self._children.items() if child.popen.poll() is not None]:
                del self._children[node]


class SystemdLauncher:
    """Boots nodes as transient services in a slice of the twin, where systemd owns the control groups."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    @property
    def slice(self) -> str:
        """The twin's slice; a hyphen would make it the child of another slice."""
        return self._twin.cgroup.replace("-", "_") + ".slice"

    def unit(self, node: str) -> str:
        """Give the node's service."""
        return f"{self._twin.cgroup}-{node}.service"

    def group(self, node: str) -> Path:
        """Give the node's control group."""
        return cgroups.ROOT / self.slice / self.unit(node)

    def start(self, machine: str, argv: Sequence[str], node: str) -> None:
        """Boot as a service with delegated control groups and the device wall of a container."""
        run(["systemctl", "reset-failed", self.unit(node)], check=False)
        settings = ["Delegate=yes", "KillMode=mixed", "DevicePolicy=closed", f"Description=dcops twin node {machine}"]
        properties = [word for setting in settings for word in ("-p", setting)]
        env = [word for name, value in ENVIRONMENT.items() for word in ("-E", f"{name}={value}")]
        unit = [f"--unit={self.unit(node)}", f"--slice={self.slice}", "--collect", "--quiet"]
        run(["systemd-run", *unit, *properties, *env, "--", *argv], env=child_environment())

    def kill(self, node: str) -> None:
        """End everything of the node at once."""
        cgroups.kill(self.group(node))
        run(["systemctl", "stop", self.unit(node)], check=False)

    def is_running(self, node: str) -> bool:
        """Say whether any process of the node is alive."""
        return cgroups.is_populated(self.group(node))

    def remove_all(self) -> None:
        """Stop the slice with all that is in it."""
        cgroups.kill(cgroups.ROOT / self.slice)
        run(["systemctl", "stop", self.slice], check=False)

    def reap(self) -> None:
        """Nothing to do: systemd is the parent."""


def launcher_for(twin: Twin) -> BareLauncher | SystemdLauncher:
    """Give the launcher this host needs: systemd's where systemd is the init, else the bare one."""
    return SystemdLauncher(twin) if Path("/run/systemd/system").is_dir() else BareLauncher(twin)

"""This machine, as the host of one twin: joins namespaces, mounts, control groups and files into the port `Host`."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dcops.core.errors import DcopsError
from dcops.core.files import write_atomic
from dcops.core.process import run
from dcops.lab import cables, cgroups, iproute2, limits, overlay, probe
from dcops.lab.dial import banner
from dcops.lab.model import Node, Topology, Twin
from dcops.lab.nspawn import launcher_for
from dcops.lab.overlay import Folders
from dcops.lab.shell import Shell

if TYPE_CHECKING:
    from dcops.lab.custody import Custody

_SOCKET_PATH_LIMIT = 107  # sun_path, unix(7)
# Files of the lab's own services on the national side -> what reads them.
_SERVICES = {
    "/usr/local/lib/dcops/observer.py": "dcops-observer",
    "/etc/systemd/system/dcops-observer.service": "dcops-observer",
    "/etc/observer/": "dcops-observer",
    "/etc/unbound/": "unbound",
}
_NSPAWN_RUN = Path("/run/systemd/nspawn")


class Machine:
    """The twin `twin` on this machine, with its state in `folders`."""

    def __init__(self, twin: Twin, folders: Folders, extra_secrets: tuple[str, ...] = ()) -> None:
        self.twin, self.folders = twin, folders
        self._extra_secrets = extra_secrets
        self._launcher = launcher_for(twin)
        self._custody: Custody | None = None

    def require_rights(self) -> None:
        """Raise DcopsError with the first thing that is missing to run a twin here."""
        probe.require(probe.essentials())

    def claim(self, topology: Topology) -> None:
        """Make the twin's folders and refuse a name that somebody else uses. Writes the topology for the supervisor.

        Raises a limit of this machine that many booted systems reach; `tear_down` of the last twin puts it back.
        """
        iproute2.owned(self.twin)
        if len(str(self.folders.faults / "lab.sock")) > _SOCKET_PATH_LIMIT:
            hint = "Set DCOPS_STATE to a shorter path: sockets below it cannot be longer."
            raise DcopsError("the path of the state folder is too long", where=str(self.folders.top), hint=hint)
        self.folders.prepare()
        limits.raise_limits()
        text = topology.model_dump_json(indent=1)
        if not self.folders.topology.exists() or self.folders.topology.read_text() != text:
            write_atomic(self.folders.topology, text, 0o600)

    def prepare_secrets(self, topology: Topology) -> None:
        """Make keys, certificates and passwords that are missing, and this host's own SSH files."""
        from dcops.lab import custody  # cryptography takes longer to load than most verbs to run

        self._custody = custody.prepare(self.folders, topology, self._extra_secrets)
        program = Path(__file__).with_name("dial.py")
        proxy = f"{sys.executable} -I {program} {self.twin.management} %h %p"
        custody.write_access_files(self._custody, topology, proxy)

    def remove_strangers(self, topology: Topology) -> list[str]:
        """Take away nodes that the inventory no longer has; their disks are kept until `down`."""
        known = {self.twin.node(node.name) for node in topology.nodes}
        known |= {space.namespace for space in cables.infrastructure(self.twin, topology)}
        strangers = [name for name in iproute2.owned(self.twin) if name not in known]
        names = [name.removeprefix(f"{self.twin.name}-") for name in strangers]
        mounts = overlay.mounted(self.twin, self.folders)
        for name in names:
            self._launcher.kill(name)
        _kill_inside(strangers)
        for name in names:
            if name in mounts:
                overlay.unmount(mounts[name])
        iproute2.remove(strangers)
        return names

    def wire(self, topology: Topology) -> list[str]:
        """Make what is missing of the network; a node whose cabling changed is switched off and wired anew."""
        spaces = {space.namespace: space for space in cables.infrastructure(self.twin, topology)}
        nodes = {node.name: cables.node_space(self.twin, node) for node in topology.nodes}
        names = [*spaces, *(space.namespace for space in nodes.values())]
        iproute2.remove(iproute2.unmarked(self.twin, names))
        present = iproute2.owned(self.twin)
        iproute2.make_spaces(self.twin, [space for name, space in spaces.items() if name not in present])
        bridges = {name: iproute2.interfaces(name) for name in spaces}
        iproute2.apply(cables.plan_bridges(self.twin, topology, bridges))
        wanted = [n for n in topology.nodes if present.get(nodes[n.name].namespace) != nodes[n.name].fingerprint]
        old = [nodes[n.name].namespace for n in wanted if nodes[n.name].namespace in present]
        for node in wanted:
            self._launcher.kill(node.name)
        _kill_inside(old)
        iproute2.remove(old)
        iproute2.make_spaces(self.twin, [nodes[n.name] for n in wanted])
        iproute2.apply(batch for node in wanted for batch in cables.plan_node(self.twin, node))
        for node in wanted:
            iproute2.set_sysctls(self.twin.node(node.name), cables.late_sysctls(node))
            iproute2.mark(self.twin, nodes[node.name], done=True)
        return [node.name for node in wanted]

    def lay_disks(self, topology: Topology, image: Path) -> int:
        """Mount every node's disk and write the files it boots with; give how many were written.

        On a node that runs already, the lab's own services whose files changed are restarted.
        """
        from dcops.lab import custody

        assert self._custody is not None
        count = 0
        for node in topology.nodes:
            root = self.folders.root(node.name)
            overlay.mount(self.twin, self.folders, node.name, image)
            files = custody.boot_files(self._custody, topology, node)
            files += custody.identity_file(self._custody, topology, node, root)
            written = custody.write_boot_files(self.folders, node, files)
            units = sorted({unit for path in written for start, unit in _SERVICES.items() if path.startswith(start)})
            if units and self._launcher.is_running(node.name):
                again = f"systemctl daemon-reload && systemctl try-restart {' '.join(units)}"
                run(Shell(self.twin, self.folders).argv(node, ["sh", "-c", again], tty=False), check=False)
            count += len(written)
        return count

    def running(self, topology: Topology) -> frozenset[str]:
        """Give the nodes that run."""
        return frozenset(node.name for node in topology.nodes if self._launcher.is_running(node.name))

    def answers(self, node: Node) -> bool:
        """Say whether the node's SSH server greets."""
        try:
            greeting = banner(self.twin.management, node.management_address, 22, timeout_seconds=2)
        except OSError:
            return False
        return greeting.startswith(b"SSH-")

    def usage(self, node: Node) -> tuple[float, int]:
        """Give (CPU seconds, resident bytes) of a node."""
        return cgroups.usage(self._launcher.group(node.name))

    def load_topology(self) -> Topology | None:
        """Give the topology the twin was brought up with, or None when it is down."""
        if not self.folders.topology.exists():
            return None
        try:
            return Topology.model_validate_json(self.folders.topology.read_text())
        except ValueError as error:
            hint = "It was brought up by another version of dcops: take it down and up again."
            raise DcopsError(
                "the twin's topology cannot be read", where=str(self.folders.topology), hint=hint
            ) from error

    def is_present(self) -> bool:
        """Say whether anything of the twin is on this machine."""
        mine = iproute2.owned(self.twin)
        return bool(mine or overlay.mounted(self.twin, self.folders) or (cgroups.exists(self.twin) and self._is_mine()))

    def needs_image(self, topology: Topology) -> bool:
        """Say whether any node has no disk yet, and so needs the current image."""
        return any(overlay.image_of(self.folders, node.name) is None for node in topology.nodes)

    def has_disks(self) -> bool:
        """Say whether any node has written to a disk yet."""
        return self.folders.nodes.is_dir() and any(self.folders.nodes.iterdir())

    def tear_down(self, *, keep_disks: bool) -> None:
        """End and remove everything that is the twin's: processes, mounts, namespaces, groups, in that order."""
        spaces = [*iproute2.owned(self.twin), *iproute2.unmarked(self.twin, self._expected())]
        mounts = overlay.mounted(self.twin, self.folders)
        if self._is_mine():
            self._launcher.remove_all()
        _kill_inside(spaces)
        locks = {Path(f"{_NSPAWN_RUN}/locks/inode-{_inode(path)}") for path in mounts.values()}
        for path in mounts.values():
            overlay.unmount(path)
        iproute2.remove(spaces)
        self._remove_traces(locks, list(mounts))
        shutil.rmtree(self.folders.run, ignore_errors=True)
        if not keep_disks:
            shutil.rmtree(self.folders.nodes, ignore_errors=True)
        limits.restore_limits()

    def purge(self) -> None:
        """Forget keys, secrets and everything else of the twin. Refuses while anything of it is up."""
        if self.is_present():
            raise DcopsError("the twin is up", where=self.twin.name, hint="Take it down first: dcops lab down")
        shutil.rmtree(self.folders.top, ignore_errors=True)

    def _expected(self) -> list[str]:
        """Give the namespaces that an `up` which was killed half way may have made and not marked yet."""
        try:
            topology = self.load_topology()
        except DcopsError:
            return []
        if topology is None:
            return []
        spaces = cables.infrastructure(self.twin, topology)
        return [*(space.namespace for space in spaces), *(self.twin.node(node.name) for node in topology.nodes)]

    def _is_mine(self) -> bool:
        """Say whether the control group is ours: no mark fits there, so the state folder knows."""
        return self.folders.topology.exists() or self.folders.nodes.is_dir()

    def _remove_traces(self, locks: set[Path], names: list[str]) -> None:
        """Remove what systemd-nspawn leaves behind: locks, propagation folders, in newer ones a mount for sockets."""
        for lock in locks:
            if not lock.name.endswith("-None"):
                lock.unlink(missing_ok=True)
        for name in names:
            for folder in ("propagate", "unix-export"):
                path = _NSPAWN_RUN / folder / self.twin.node(name)
                if path.is_mount():
                    overlay.unmount(path)
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
            for lock in (self.folders.nodes / name).glob(".#*.lck"):
                lock.unlink(missing_ok=True)


def _inode(path: Path) -> str | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{found.st_dev}:{found.st_ino}"


def _kill_inside(namespaces: list[str]) -> None:
    """End every process whose network namespace is one of these; finds those in no control group of ours, too."""
    inodes = {inode for name in namespaces if (inode := iproute2.inode(name)) is not None}
    if not inodes:
        return
    for _ in range(50):
        found = [pid for pid in _processes() if _netns(pid) in inodes]
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    raise DcopsError("processes inside the twin do not end", hint=f"Look at: {json.dumps(found)}")


def _processes() -> list[int]:
    own = os.getpid()
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != own]


def _netns(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116 - a link in /proc, followed on purpose
    except OSError:
        return None

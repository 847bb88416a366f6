"""Drives overlay mounts: each node's disk is the image below and a folder of its own on top."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from dcops.core.errors import DcopsError
from dcops.core.files import private_dir, write_atomic
from dcops.core.process import run
from dcops.lab.model import Twin

_MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True)
class Folders:
    """Where a twin keeps what is its own, all below one folder of the state."""

    top: Path

    @property
    def secrets(self) -> Path:
        """Private keys and passwords, 0700."""
        return self.top / "secrets"

    @property
    def run(self) -> Path:
        """What lives as long as the twin is up: sockets, the topology in use, logs."""
        return self.top / "run"

    @property
    def faults(self) -> Path:
        """The folder bound into the operations servers; holds nothing but the fault socket."""
        return self.run / "faults"

    @property
    def control(self) -> Path:
        """The supervisor's socket for this host."""
        return self.run / "control.sock"

    @property
    def topology(self) -> Path:
        """The topology in use, as JSON."""
        return self.run / "topology.json"

    @property
    def known_hosts(self) -> Path:
        """Host keys of all nodes, under all their names and addresses."""
        return self.top / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F`, from this host."""
        return self.top / "ssh_config"

    @property
    def nodes(self) -> Path:
        """One folder a node: `upper`, `work`, `root`."""
        return self.top / "nodes"

    def root(self, node: str) -> Path:
        """The node's file system, mounted."""
        return self.nodes / node / "root"

    def upper(self, node: str) -> Path:
        """What the node changed over the image."""
        return self.nodes / node / "upper"

    def prepare(self) -> None:
        """Make the folders that everything else needs; private, since disks hold keys."""
        self.top.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.top, self.secrets, self.run, self.faults, self.nodes):
            private_dir(folder)


def mounted(twin: Twin, folders: Folders) -> dict[str, Path]:
    """Give node -> mount point of our overlays: the source carries the twin's name and the point lies in our folder."""
    found = {}
    prefix = f"{twin.name}-"
    for line in _MOUNTS.read_text().splitlines():
        source, point, kind = line.split()[:3]
        path = Path(point.replace("\\040", " "))
        if kind == "overlay" and source.startswith(prefix) and path.is_relative_to(folders.nodes):
            found[source.removeprefix(prefix)] = path
    return found


def image_in_use(point: Path) -> str | None:
    """Give the lower folder of the overlay mounted at `point`."""
    for line in _MOUNTS.read_text().splitlines():
        _, where, _, options = line.split()[:4]
        if where == str(point):
            return next((o.removeprefix("lowerdir=") for o in options.split(",") if o.startswith("lowerdir=")), None)
    return None


def image_of(folders: Folders, node: str) -> Path | None:
    """Give the image a node's disk was laid over, or None when it has no disk yet or that image is gone.

    A disk stays with its image: what it holds are differences, which mean little over another one.
    """
    try:
        found = Path((folders.nodes / node / "image").read_text().strip())
    except OSError:
        return None
    return found if found.is_dir() else None


def mount(twin: Twin, folders: Folders, node: str, image: Path) -> None:
    """Mount a node's file system: a new disk over `image`, an old one over its own. A second call is harmless."""
    root = folders.root(node)
    if image_in_use(root) is not None:
        return
    image = image_of(folders, node) or image
    private_dir(folders.nodes / node)
    write_atomic(folders.nodes / node / "image", f"{image}\n", 0o600)
    for folder in (folders.upper(node), folders.nodes / node / "work", root):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # the upper one is the mode of / inside
    options = f"lowerdir={image},upperdir={folders.upper(node)},workdir={folders.nodes / node / 'work'}"
    run(["mount", "-t", "overlay", twin.node(node), "-o", options, str(root)])


def unmount(root: Path) -> None:
    """Unmount one node's file system. Raises DcopsError while a process still uses it."""
    done = run(["umount", str(root)], check=False)
    if done.returncode != 0 and image_in_use(root) is not None:
        raise DcopsError(f"cannot unmount: {done.stderr.decode().strip()}", where=str(root))


def wipe(folders: Folders, node: str) -> None:
    """Forget what a node changed. Refuses while its file system is mounted."""
    if image_in_use(folders.root(node)) is not None:
        raise DcopsError("the node's file system is still mounted", where=str(folders.root(node)))
    shutil.rmtree(folders.nodes / node, ignore_errors=True)

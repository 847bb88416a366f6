"""What the use cases need from outside, as protocols. Pure."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from dcops.lab.model import Node, Topology

Say = Callable[[str], None]


class Launcher(Protocol):
    """Starts and ends the booted system of one node."""

    def start(self, machine: str, argv: Sequence[str], node: str) -> None:
        """Boot; returns at once. The node's old control group must be gone."""

    def group(self, node: str) -> Path:
        """Give the node's control group in the unified hierarchy."""

    def kill(self, node: str) -> None:
        """End everything of the node at once, as a power cut would; harmless when it does not run."""

    def is_running(self, node: str) -> bool:
        """Say whether any process of the node is alive."""

    def remove_all(self) -> None:
        """End and remove whatever is left of the twin's control groups."""

    def reap(self) -> None:
        """Collect ended children, so none stays a zombie."""


class Supervisor(Protocol):
    """The process that keeps a twin: asked by one JSON object, answers with one."""

    def ask(self, request: dict[str, Any], *, timeout_seconds: float = 60.0) -> dict[str, Any]:
        """Send a request. Raises DcopsError with what the supervisor says went wrong, or that there is none."""

    def is_running(self) -> bool:
        """Say whether it answers."""

    def ensure(self) -> None:
        """Start it when it does not run, and wait until it answers."""


class Images(Protocol):
    """The image below every node."""

    @property
    def root(self) -> Path:
        """Where the current image's tree is, or will be."""

    def is_built(self) -> bool:
        """Say whether it is there, whole."""

    def build(self, say: Say) -> float:
        """Build it unless it is there; give the seconds it took."""


class Host(Protocol):
    """This machine: the namespaces, mounts, control groups and files of one twin. Touches nothing of anybody else."""

    def require_rights(self) -> None:
        """Raise DcopsError with what is missing to run a twin here: root, programs, kernel features."""

    def claim(self, topology: Topology) -> None:
        """Make the twin's folders and refuse a name that somebody else uses."""

    def prepare_secrets(self, topology: Topology) -> None:
        """Make keys, certificates and passwords that are missing."""

    def remove_strangers(self, topology: Topology) -> list[str]:
        """Take away nodes that the inventory no longer has; give their names."""

    def wire(self, topology: Topology) -> list[str]:
        """Make what is missing of the network; give the nodes that were (re)wired."""

    def lay_disks(self, topology: Topology, image: Path) -> int:
        """Mount every node's disk and write the files it boots with; give how many were written."""

    def running(self, topology: Topology) -> frozenset[str]:
        """Give the nodes that run."""

    def answers(self, node: Node) -> bool:
        """Say whether the node's SSH server greets."""

    def usage(self, node: Node) -> tuple[float, int]:
        """Give (CPU seconds, resident bytes) of a node."""

    def load_topology(self) -> Topology | None:
        """Give the topology the twin was brought up with, or None when it is down."""

    def tear_down(self, *, keep_disks: bool) -> None:
        """End and remove everything that is the twin's, whatever state it is in."""

    def is_present(self) -> bool:
        """Say whether anything of the twin is on this machine: processes, namespaces, mounts."""

    def needs_image(self, topology: Topology) -> bool:
        """Say whether any node has no disk yet, and so needs the current image."""

    def has_disks(self) -> bool:
        """Say whether any node has written to a disk yet."""


class Snapshots(Protocol):
    """Kept twins, each named by the hash of what shaped it."""

    def has(self, key: str) -> bool:
        """Say whether a whole snapshot of this name is there."""

    def save(self, key: str, nodes: Sequence[str]) -> int:
        """Keep the disks and keys of the twin, whose nodes are shut down; give the bytes on disk."""

    def restore(self, key: str) -> None:
        """Lay a snapshot's disks and keys into the twin, which has none."""

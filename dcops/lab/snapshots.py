"""Keeps a provisioned twin on disk: what its nodes wrote and the keys that go with it, named by what shaped it.

The name is a hash of the image, the inventory, playbooks, monitors, templates and locked requirements; never of dcops'
own code, which is bound into the nodes and may change under them.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dcops.core.clock import rfc3339, utc_now
from dcops.core.errors import DcopsError
from dcops.core.files import private_dir, write_atomic
from dcops.core.process import run
from dcops.lab.overlay import Folders

_SHAPING = ("inventory/catalogue", "playbooks", "monitors", "requirements")
_IGNORED = frozenset({"__pycache__", ".ansible", "artifacts"})


@dataclass(frozen=True)
class Snapshot:
    """A kept twin."""

    key: str
    taken_at: str
    size_bytes: int
    nodes: tuple[str, ...]


class SnapshotStore:
    """The snapshots below one state folder (0700: they hold keys), as one twin takes them from and adds to them."""

    def __init__(self, folder: Path, home: Path, twin: Folders) -> None:
        self._folder, self._home, self._twin = folder, home, twin

    def key(self, image: str, inventory: Path) -> str:
        """Give the name that a twin of this image, inventory and content has: the inventory's, and a hash."""
        digest = hashlib.sha256(image.encode())
        folders = [inventory, *(self._home / name for name in _SHAPING)]
        for path in sorted([*_files(folders), *(self._home / "dcops").rglob("*.j2"), *_lab_files(self._home)]):
            digest.update(f"{_name(path, self._home)}\0".encode() + path.read_bytes() + b"\0")
        return f"{inventory.name}-{digest.hexdigest()[:16]}"

    def has(self, key: str) -> bool:
        """Say whether a whole snapshot of this name is there."""
        return (self._folder / key / "snapshot.json").exists()

    def listing(self) -> tuple[Snapshot, ...]:
        """Give the snapshots, oldest first."""
        found = [Snapshot(**json.loads(p.read_text())) for p in self._folder.glob("*/snapshot.json")]
        return tuple(sorted((Snapshot(s.key, s.taken_at, s.size_bytes, tuple(s.nodes)) for s in found), key=_age))

    def save(self, key: str, nodes: Sequence[str]) -> int:
        """Keep the disks and keys of the twin, whose nodes are shut down; give the bytes on disk.

        Other snapshots of the same inventory are deleted: they match nothing any more.
        """
        folders = self._twin
        private_dir(self._folder)
        aside = self._folder / ".saving"
        shutil.rmtree(aside, ignore_errors=True)
        private_dir(aside)
        names = tuple(nodes)
        for name in names:
            private_dir(aside / "nodes" / name)
            _copy(folders.upper(name), aside / "nodes" / name / "upper")
            _copy(folders.nodes / name / "boot.json", aside / "nodes" / name / "boot.json")
        _copy(folders.secrets, aside / "secrets")
        snapshot = Snapshot(key, rfc3339(utc_now()), _size(aside), names)
        write_atomic(aside / "snapshot.json", json.dumps(vars(snapshot)), 0o600)
        for old in self._folder.glob(f"{key.rpartition('-')[0]}-*"):
            shutil.rmtree(old)
        aside.rename(self._folder / key)
        return snapshot.size_bytes

    def restore(self, key: str) -> None:
        """Lay a snapshot's disks and keys into the twin, which has none. Raises DcopsError when it is missing."""
        source, folders = self._folder / key, self._twin
        if not self.has(key):
            raise DcopsError("no such snapshot", where=str(source), hint="Make one: dcops lab snapshot")
        folders.prepare()
        for path in (folders.nodes, folders.secrets):
            shutil.rmtree(path)
        _copy(source / "secrets", folders.secrets)
        _copy(source / "nodes", folders.nodes)


def _age(snapshot: Snapshot) -> str:
    return snapshot.taken_at


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not _IGNORED.intersection(path.parts) and path.suffix not in (".pyc", ".swp"):
                yield path


def _lab_files(home: Path) -> Iterator[Path]:
    """Give what the lab itself puts on the national side's nodes."""
    yield from (home / "dcops/lab/files").glob("*observer*")


def _name(path: Path, home: Path) -> str:
    return str(path.relative_to(home)) if path.is_relative_to(home) else f"inventory/{path.name}"


def _copy(source: Path, target: Path) -> None:
    """Copy with owners, modes, times, links, holes and the overlay's own attributes; sharing blocks where possible."""
    run(["cp", "-a", "--reflink=auto", "--sparse=always", str(source), str(target)], timeout_seconds=600)


def _size(folder: Path) -> int:
    return int(run(["du", "-s", "--block-size=1", str(folder)], timeout_seconds=120).text.split()[0])

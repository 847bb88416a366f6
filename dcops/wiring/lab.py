"""Joins the twin's use cases to this machine: settings and inventory in, service out."""

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcops.core.errors import DcopsError, UsageError
from dcops.core.settings import Settings
from dcops.core.words import Environment
from dcops.lab.client import Program, SocketSupervisor
from dcops.lab.machine import Machine
from dcops.lab.mmdebstrap import ImageStore
from dcops.lab.model import Topology, Twin
from dcops.lab.overlay import Folders
from dcops.lab.probe import Check, everything
from dcops.lab.service import TwinService
from dcops.lab.shell import Shell
from dcops.lab.snapshots import SnapshotStore
from dcops.runs.run import current_actor

logger = logging.getLogger(__name__)
DEFAULT_TWIN = "lab"
RECORDS_URL = "DCOPS_RECORDS_URL"  # as in dcops.wiring.records, whose imports would cost every verb
_TURN_SECONDS = 300.0
_PLAIN = re.compile(r"^[a-z0-9-]+$")  # neither a path nor a certificate


@dataclass(frozen=True)
class Lab:
    """One twin, ready to be acted on."""

    settings: Settings
    twin: Twin
    folders: Folders
    images: ImageStore
    supervisor: SocketSupervisor
    machine: Machine
    service: TwinService
    shell: Shell
    snapshots: SnapshotStore

    @contextmanager
    def alone(self, verb: str) -> Iterator[None]:
        """Let one command at a time change what the twin is made of; another waits for its turn."""
        from dcops.runs import locks

        folder = self.settings.state.resolve() / "lab" / "locks"
        with locks.hold(folder, self.twin.name, actor=f"uid {os.getuid()}", verb=verb, wait_seconds=_TURN_SECONDS):
            yield

    def images_in_use(self) -> frozenset[str]:
        """Give the images that disks of any twin lie on."""
        notes = (self.settings.state.resolve() / "lab").glob("*/nodes/*/image")
        return frozenset(Path(note.read_text().strip()).parent.name for note in notes)

    def record(self, verb: str, **fields: Any) -> None:
        """Write down what became of the twin, in this host's journal: fields of the record kind `lab.state`.

        A journal that may or can not be written is a warning: the twin is what it is by then.
        """
        from dcops.records.kinds.lab import LabState
        from dcops.wiring.records import open_journal  # half a second that other verbs need not wait for

        payload = LabState(twin=self.twin.name, verb=verb, **fields)
        try:
            open_journal(self.settings, None, Environment.TWIN).append(payload.kind, payload.model_dump(mode="json"))
        except (DcopsError, OSError) as error:
            logger.warning("no record of it: %s", error)

    def topology(self) -> Topology:
        """Give the topology of the twin that is up. Raises UsageError when it is down."""
        found = self.machine.load_topology()
        if found is None:
            raise UsageError(f'the twin "{self.twin.name}" is down', hint="Start it with: dcops lab up")
        return found


def twin_folder(settings: Settings, name: str) -> Path:
    """Give the folder that holds everything of the twin `name`."""
    return settings.state / "lab" / name


def open_lab(settings: Settings, name: str | None = None, extra_secrets: tuple[str, ...] = ()) -> Lab:
    """Give the twin `name`, by default DCOPS_TWIN, else `lab`. Touches nothing."""
    chosen = name or os.environ.get("DCOPS_TWIN") or DEFAULT_TWIN
    top = twin_folder(settings, chosen).resolve()
    twin, folders = Twin.named(chosen, str(top)), Folders(top)
    images = ImageStore(settings.state.resolve() / "lab" / "images", settings.home / "requirements" / "base.txt")
    program = Program("dcops.wiring.supervisor", _supervisor_environ(settings))
    supervisor = SocketSupervisor(twin, folders, settings.home.resolve(), program, current_actor())
    machine = Machine(twin, folders, extra_secrets)
    snapshots = SnapshotStore(settings.state.resolve() / "lab" / "snapshots", settings.home.resolve(), folders)
    service = TwinService(machine, images, supervisor, snapshots, time.sleep)
    shell = Shell(twin, folders)
    return Lab(settings, twin, folders, images, supervisor, machine, service, shell, snapshots)


def _supervisor_environ(settings: Settings) -> dict[str, str]:
    """Give what the supervisor needs to find the same journal as this process. It works in the root folder."""
    found = {
        "DCOPS_HOME": str(settings.home.resolve()),
        "DCOPS_STATE": str(settings.state.resolve()),
        "DCOPS_IDENTITY": str(settings.identity_path.resolve()),
    }
    url = os.environ.get(RECORDS_URL)
    return {**found, RECORDS_URL: url} if url else found


def topology_of(settings: Settings, inventory: str) -> tuple[Topology, tuple[str, ...]]:
    """Give the topology an inventory asks for, and the names of further secrets it refers to by `file:`."""
    from dcops.inventory import load  # only `up` reads an inventory; every verb would pay for it
    from dcops.lab.custody import PEOPLE, RETENTION
    from dcops.lab.plan import plan_topology

    loaded = load(settings.inventory_root(inventory))
    refs = (c.secret.removeprefix("file:") for c in loaded.credentials.values() if c.secret.startswith("file:"))
    made = {*PEOPLE, RETENTION}
    return plan_topology(loaded), tuple(name for name in refs if _PLAIN.match(name) and name not in made)


def snapshot_key(lab: Lab, inventory: str) -> str:
    """Give the name that a snapshot of this inventory's twin has today."""
    return lab.snapshots.key(lab.images.fingerprint(), lab.settings.inventory_root(inventory).resolve())


def machine_checks() -> list[Check]:
    """Give what this machine has and lacks for a twin."""
    return everything()

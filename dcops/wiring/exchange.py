"""Journals exchanged in one conversation that the retention host begins, so that nobody needs to log in there.

The other side is an operations server whose authorized keys tie the retention host's key to `dcops records exchange`:
with that key nothing can be done there but this. Either side believes only what verifies with the key it was
provisioned with, and only a journal that continues the one it had: a chain that was cut short or begun anew never
replaces what was fetched before.
"""

import io
import shutil
import tarfile
import tempfile
from collections import deque
from pathlib import Path

from dcops.backup.ssh import SshTarget
from dcops.core.clock import rfc3339, utc_now
from dcops.core.errors import DcopsError, JournalInvalid, Refused
from dcops.core.files import private_dir, write_atomic
from dcops.core.settings import Settings
from dcops.inventory import Inventory, Role
from dcops.records.export import ExportReader
from dcops.records.service import Journal
from dcops.runs.identity import Identity
from dcops.wiring.handover import RECEIVED
from dcops.wiring.received import verify_received
from dcops.wiring.records import export_records

LIMIT_BYTES = 1 << 30
FETCHED = "fetched"
_COMMAND = ("dcops", "records", "exchange")


def exchange(settings: Settings, inventory: Inventory, identity: Identity, journal: Journal) -> list[str]:
    """Exchange journals with every operations server; gives a warning for each that failed."""
    warnings = []
    own = packed(settings, journal)
    for peer in inventory.devices_with_role(Role.OPERATIONS):
        if peer.name == identity.node:
            continue
        target = SshTarget(peer.name, str(peer.address))
        try:
            receive(settings, peer.name, target.run([*_COMMAND], input=own, timeout_seconds=120).stdout)
        except DcopsError as error:
            warnings.append(f"the journal of {peer.name} was not fetched: {error}")
    return warnings


def packed(settings: Settings, journal: Journal) -> bytes:
    """Give this host's journal as a tar archive of its export, nothing when it has no record yet."""
    if not any(True for _ in journal.query(journal=journal.name, limit=1)):
        return b""
    with tempfile.TemporaryDirectory(prefix="dcops-") as folder:
        export = Path(folder) / "export"
        export_records(settings, journal, export, journal.name)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(export, arcname=".")
    return archive.getvalue()


def receive(settings: Settings, node: str, archive: bytes) -> None:
    """Keep the journal of `node`, verified, in place of the one that it continues.

    Raises DcopsError when it is not verified, and JournalInvalid when it does not continue the one that is here.
    """
    goal = settings.state / RECEIVED / node
    old = goal.with_name(f"{node}.old")
    if old.is_dir() and not goal.exists():  # an earlier process died between the two renames
        old.rename(goal)
    if not archive:
        if goal.is_dir():
            hint = "It was begun anew: find out by whom. What was fetched before stays."
            raise JournalInvalid("it sends no journal, and one was fetched before", where=f"journal {node}", hint=hint)
        return
    fresh = goal.with_name(f"{node}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _unpack(archive, private_dir(fresh))
        verify_received(settings, node, fresh)
        _require_continued(node, goal, fresh)
        write_atomic(fresh / FETCHED, rfc3339(utc_now()) + "\n")
        shutil.rmtree(old, ignore_errors=True)
        if goal.exists():
            goal.rename(old)  # what the next one must continue is never away
        fresh.rename(goal)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def peer_named(inventory: Inventory, name: str) -> str:
    """Give a name that may take part in an exchange. Raises Refused for any other."""
    known = [each.name for role in (Role.OPERATIONS, Role.BACKUP) for each in inventory.devices_with_role(role)]
    if name not in known:
        raise Refused(f'"{name}" exchanges no journals', hint=f"Known: {', '.join(known)}.")
    return name


def _unpack(archive: bytes, folder: Path) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DcopsError(f"what came is no exported journal: {error}", where=folder.name) from error


def _require_continued(node: str, old: Path, new: Path) -> None:
    """Raise JournalInvalid unless the new journal holds the last record of the old one in its place."""
    if not (old / "records.jsonl").is_file():
        return
    rows = deque(ExportReader(old).rows(node), maxlen=1)
    if not rows:
        return
    last = rows[0]
    same = next((row for row in ExportReader(new).rows(node) if row.seq == last.seq), None)
    if same is None or same.hash != last.hash:
        hint = "Its past was changed, or it was begun anew: find out by whom. What was fetched before stays."
        raise JournalInvalid(f"it does not continue the journal that was fetched before ({node}:{last.seq})",
                             where=f"journal {node}", hint=hint)  # fmt: skip

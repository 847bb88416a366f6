"""Journals of other operations servers and of the retention host, read after they were verified again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dcops.core.clock import parse_rfc3339
from dcops.core.errors import DcopsError
from dcops.core.files import read_text
from dcops.core.settings import Settings
from dcops.inventory import Inventory, Role
from dcops.records.export import ExportReader
from dcops.records.keyring import read_key_set
from dcops.records.model import Record
from dcops.records.service import Journal, as_record
from dcops.wiring.handover import RECEIVED
from dcops.wiring.records import PEERS, verify_records


@dataclass(frozen=True)
class Received:
    """The journal of operations server `node`: its records, or why none of them is believed."""

    node: str
    records: tuple[Record, ...] = ()
    problem: str = ""


def records_everywhere(
    settings: Settings, inventory: Inventory, journal: Journal, *kinds: str
) -> tuple[list[Record], tuple[str, ...]]:
    """Give the records of some kinds in this host's journals and in those handed over here, verified.

    Second: the journals that were not believed, and why.
    """
    records = [record for kind in kinds for record in journal.query(kind=kind)]
    problems = []
    for received in received_journals(settings, inventory):
        records += [record for record in received.records if record.envelope.kind in kinds]
        problems += [received.problem] if received.problem else []
    return records, tuple(problems)


def finished_at(record: Record) -> datetime:
    """Give when what a record tells of ended; the times of other tools keep their zones, so text does not compare."""
    return parse_rfc3339(str(record.payload["finished_at"]))


def received_journals(settings: Settings, inventory: Inventory) -> Iterator[Received]:
    """Give the journals that other operations servers and backup servers of the inventory handed over here.

    Each is verified with the key this host was provisioned with; one that does not verify gives no record, only what is
    wrong. Records of another journal or environment in it are left out. Never raises for what was handed over.
    """
    devices = (*inventory.devices_with_role(Role.OPERATIONS), *inventory.devices_with_role(Role.BACKUP))
    for name in dict.fromkeys(device.name for device in devices):  # one server may have both roles
        folder = settings.state / RECEIVED / name
        if folder.is_dir():
            try:
                yield Received(name, _records(settings, inventory, name, folder))
            except DcopsError as error:
                yield Received(name, problem=f"the journal received from {name} is not believed: {error}")


def verify_received(settings: Settings, node: str, folder: Path) -> None:
    """Verify an export of the journal of `node`. Raises DcopsError when nobody vouches for it or something is wrong."""
    keys = settings.state / PEERS / f"{node}.json"
    if not keys.is_file():
        raise DcopsError("no key vouches for it", where=str(keys), hint="Provision this host again.")
    if not any(known.journal in ("", node) for known in read_key_set(read_text(keys), where=str(keys))):
        raise DcopsError("the key there is another journal's", where=str(keys), hint=f"It must be the key of {node}.")
    found = verify_records(settings, export=folder, keys=keys, journals=[node])
    if found.findings:
        raise DcopsError(f"{len(found.findings)} findings, first {found.findings[0]}", where=str(folder))


def _records(settings: Settings, inventory: Inventory, node: str, folder: Path) -> tuple[Record, ...]:
    """Give the verified records. Raises DcopsError as `verify_received` does."""
    verify_received(settings, node, folder)
    records = (as_record(row) for row in ExportReader(folder).rows(node))
    return tuple(record for record in records if record.envelope.environment == inventory.environment)

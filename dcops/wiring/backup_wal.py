"""Looks at the WAL archive of an application and keeps what was seen in the journal."""

from dcops.backup.archive import look
from dcops.backup.model import WalArchive
from dcops.backup.pgbackrest import Pgbackrest
from dcops.backup.postgresql import Postgresql
from dcops.backup.ssh import SshTarget
from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError, UsageError
from dcops.core.secrets import SecretStore
from dcops.core.settings import Settings
from dcops.inventory import Inventory
from dcops.records.kinds.backup_wal import WalReceipt
from dcops.records.service import Journal
from dcops.wiring.backup import Backup, address_of, require_enrolled
from dcops.wiring.backup_sources import authority_path
from dcops.wiring.received import records_everywhere


def look_at_archive(backup: Backup, run: str) -> tuple[WalReceipt, DcopsError | None]:
    """Ask server and repository, record what was seen, and give it with what could not be asked or is gone."""
    require_enrolled(backup.settings, backup.inventory)
    wal, source = wal_of(backup), backup.policy.postgresql
    ca = authority_path(backup.settings, source.ca) if source.ca else None
    password = SecretStore(backup.settings).get(source.password)
    server = Postgresql(source, address_of(backup.inventory, source.device), password, ca)
    receipt, error = look(backup.policy, wal, server, repository_of(backup.inventory, wal), utc_now())
    backup.journal.append(receipt.kind, receipt.model_dump(mode="json"), run=run)
    return receipt, error


def wal_of(backup: Backup) -> WalArchive:
    """Give how the application's WAL is archived. Raises UsageError when it is not."""
    if backup.policy.wal is None:
        hint = "Give its policy the key `wal` (docs/backup.md)."
        raise UsageError(f'"{backup.policy.application}" has no WAL archive', hint=hint)
    return backup.policy.wal


def repository_of(inventory: Inventory, wal: WalArchive) -> Pgbackrest:
    """Give the repository as the policy's reader reaches it."""
    shell = SshTarget(wal.reader, address_of(inventory, wal.reader))
    return Pgbackrest(wal.stanza, shell, where=f"{wal.repository} (stanza {wal.stanza}, asked at {wal.reader})")


def newest_wal(settings: Settings, inventory: Inventory, journal: Journal) -> dict[str, WalReceipt]:
    """Give application -> the newest record of its WAL archive, in the journals known here."""
    records, _ = records_everywhere(settings, inventory, journal, WalReceipt.kind)
    found: dict[str, WalReceipt] = {}
    for record in records:
        receipt = WalReceipt.model_validate(dict(record.payload))
        known = found.get(receipt.application)
        if known is None or receipt.seen_at > known.seen_at:
            found[receipt.application] = receipt
    return found

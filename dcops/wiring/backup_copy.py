"""Makes the copies of one application's sets: both repositories, the copier, and the journal that keeps the records."""

from collections.abc import Callable

from dcops.backup.copying import CopyService, Vouched
from dcops.backup.model import RepositorySpec
from dcops.backup.restic import Restic
from dcops.backup.restic_copy import ResticCopier
from dcops.core.clock import parse_rfc3339
from dcops.core.errors import DcopsError, UsageError
from dcops.core.text import did_you_mean
from dcops.inventory.writing import require_writable
from dcops.records.kinds.backup import Receipt
from dcops.records.kinds.backup_copies import BackupCopy
from dcops.wiring.backup import Backup, JournalReceipts, access_of, require_enrolled
from dcops.wiring.backup_observe import device_of
from dcops.wiring.received import records_everywhere

Report = Callable[[str], None]


class JournalCopies(JournalReceipts):
    """The journal, as far as copies use it."""

    def add_copy(self, copy: BackupCopy, run: str) -> None:
        """Record a copy, good or bad."""
        self._journal.append(copy.kind, copy.model_dump(mode="json"), run=run)


def targets_of(backup: Backup, wanted: str | None) -> tuple[RepositorySpec, ...]:
    """Give the repositories to copy to: all of the policy, or the one named. Raises UsageError."""
    copies = {spec.name: spec for spec in backup.policy.copies}
    if not copies:
        hint = "Add `copies` to its policy (docs/backup.md, Copies)."
        raise UsageError(f"{backup.policy.application} is copied nowhere", hint=hint)
    if wanted is None:
        return tuple(copies.values())
    if wanted not in copies:
        guess = did_you_mean(wanted, copies)
        hint = f'Did you mean "{guess}"?' if guess else f"Known: {', '.join(copies)}."
        raise UsageError(f'"{wanted}" is no repository it is copied to', hint=hint)
    return (copies[wanted],)


def copy_set(backup: Backup, target: RepositorySpec, wanted: str, run: str, report: Report) -> BackupCopy:
    """Copy `latest` or the set of a run to one repository, and record it. Raises Refused on a host not enrolled."""
    require_enrolled(backup.settings, backup.inventory)
    holder, _ = device_of(backup.inventory, target.url)
    require_writable(backup.inventory, [holder] if holder else [])
    site = backup.identity.site if backup.identity else ""
    source, application = backup.policy.repository, backup.policy.application
    here = access_of(backup.settings, source, application, site)
    there = access_of(backup.settings, target, application, site)
    log = JournalCopies(backup.settings, backup.journal, backup.inventory, site)
    service = CopyService((source, backup.repository), (target, Restic(there)), ResticCopier(here, there), log)
    found = backup.service.newest_set(None if wanted == "latest" else wanted.upper())
    if found is None:
        message = f'no complete set is called "{wanted}"'
        raise DcopsError(message, where=source.name, hint="List them: dcops backup list.")
    return service.copy(found, _vouched(backup, found.manifest.run), run, report)


def _vouched(backup: Backup, run: str) -> Vouched:
    records, _ = records_everywhere(backup.settings, backup.inventory, backup.journal, Receipt.kind)
    for record in records:
        if record.payload["run"] == run and record.payload["status"] == "done":
            return Vouched(Receipt.model_validate(dict(record.payload)), parse_rfc3339(record.envelope.at))
    return Vouched()

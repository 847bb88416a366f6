"""Imports what other tools tell of their backups, and says how far each application's copies are proved."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dcops.backup.foreign import Defaults, ForeignBackup, Format, read_foreign
from dcops.core import yaml
from dcops.core.clock import utc_now
from dcops.core.errors import Problem, SpecError
from dcops.core.files import read_text
from dcops.core.settings import Settings
from dcops.inventory import load
from dcops.records.kinds.backup_copies import ForeignReceipt
from dcops.records.model import Record
from dcops.runs.identity import require_identity
from dcops.runs.run import start_run
from dcops.wiring.handover import hand_over
from dcops.wiring.records import open_journal

_KEY = ("application", "tool", "repository", "label")


@dataclass(frozen=True)
class Imported:
    """How many receipts were new, how many were known before, and what became of handing the journal over."""

    added: tuple[ForeignReceipt, ...]
    known: int
    warnings: tuple[str, ...]


def import_receipts(
    settings: Settings, inventory_name: str, path: Path, form: Format, defaults: Defaults, *, is_check: bool
) -> Imported:
    """Record every backup of a file that is not known yet; a second call records nothing.

    Raises SpecError with every problem, nothing recorded; Refused on a host that is not enrolled for the inventory.
    """
    inventory = load(settings.inventory_root(inventory_name))
    identity = require_identity(settings.identity_path, environment=inventory.environment, inventory=inventory.name)
    journal = open_journal(settings, inventory, inventory.environment)
    text = read_text(path)
    rows = read_foreign(
        text, form, str(path), defaults, applications=inventory.applications,
        locate=yaml.locator(path), now=utc_now(),
    )  # fmt: skip
    present = {tuple(str(r.payload[k]) for k in _KEY): r for r in journal.query(kind=ForeignReceipt.kind)}
    digest = hashlib.sha256(text.encode()).hexdigest()
    fresh, problems = [], []
    for line, backup in rows:
        told = present.get(backup.key)
        if told is None:
            fresh.append(_receipt(backup, digest, line))
        elif not _is_same(told, backup):
            where = f"{told.journal}:{told.seq}"
            problems.append(Problem(f"{path}:{line}", "label", f'"{backup.label}" was told otherwise before ({where})',
                                    "A backup that is taken does not change: find out which is true."))  # fmt: skip
    if problems:
        raise SpecError(problems)
    if fresh and not is_check:
        with start_run(
            settings.state,
            "backup import",
            environment=inventory.environment,
            inventory=inventory.name,
            inventory_revision=inventory.revision,
            journal=journal,
        ) as run:
            for each in fresh:
                journal.append(each.kind, each.model_dump(mode="json"), run=run.run_id)
            run.finish({"added": len(fresh), "file_sha256": digest})
    warnings = hand_over(settings, inventory, identity, journal) if fresh and not is_check else []
    return Imported(tuple(fresh), len(rows) - len(fresh), tuple(warnings))


def _receipt(backup: ForeignBackup, digest: str, line: int) -> ForeignReceipt:
    return ForeignReceipt.model_validate({**backup.model_dump(), "source_sha256": digest, "source_line": line})


def _is_same(record: Record, backup: ForeignBackup) -> bool:
    told = ForeignReceipt.model_validate(dict(record.payload))
    return all(getattr(told, name) == value for name, value in backup)

"""Gathers what `dcops backup plan` and `run --due` decide from: policies, objectives, the receipts known here."""

from dcops.backup.due import Due, plan_due
from dcops.core.clock import utc_now
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.inventory import load
from dcops.runs.identity import require_identity
from dcops.wiring.backup import JournalReceipts, load_policies
from dcops.wiring.backup_wal import newest_wal
from dcops.wiring.records import open_journal


def due_backups(settings: Settings, inventory_name: str, application: str | None = None) -> list[Due]:
    """Give what is due for each policy of the inventory, or for one application, sorted by its key."""
    inventory = load(settings.inventory_root(inventory_name))
    policies = load_policies(inventory)
    if application is not None and application not in policies:
        guess = did_you_mean(application, policies)
        hint = f'Did you mean "{guess}"?' if guess else f"With a policy: {', '.join(sorted(policies)) or 'none'}."
        raise UsageError(f'"{application}" has no backup policy', hint=hint)
    identity = require_identity(settings.identity_path) if settings.identity_path.exists() else None
    journal = open_journal(settings, inventory, inventory.environment)
    receipts = JournalReceipts(settings, journal, inventory, identity.site if identity else "")
    now, newest = utc_now(), newest_wal(settings, inventory, journal)
    return [
        plan_due(
            policies[key],
            [receipt for _, receipt in receipts.everywhere(key).receipts],
            inventory.applications[key].rpo_seconds,
            now,
            newest.get(key),
        )
        for key in sorted(policies if application is None else [application])
    ]

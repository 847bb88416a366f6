"""Makes the verification of an application's sets: the service, private folders, a throwaway database server."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dcops.backup.scratch import PrivateScratch, sweep
from dcops.backup.verify import Findings, Outcome, Request, VerifyService
from dcops.core.errors import UsageError
from dcops.runs.model import RunStatus
from dcops.runs.run import load_run
from dcops.wiring.backup import Backup, JournalReceipts
from dcops.wiring.backup_sources import throwaway_of

Report = Callable[[str], None]


def verify_set(backup: Backup, request: Request, run: str, report: Report) -> Outcome:
    """Verify a set in folders of this run; what killed runs of this installation left is wiped first."""
    for name in sweep(lambda each: _is_dead(backup, each)):
        report(f"swept {name}, left by a killed run")
    site = backup.identity.site if backup.identity else ""
    receipts = JournalReceipts(backup.settings, backup.journal, backup.inventory, site)
    service = VerifyService(backup.policy, backup.service, backup.repository, receipts)
    scratch = PrivateScratch(run)
    cluster = throwaway_of(backup.policy.database, scratch.cluster_folder)
    with scratch.opened():
        return service.verify(request, scratch, cluster, run, report)


def record_outcome(backup: Backup, request: Request, run: str, seconds: float, outcome: Outcome) -> dict[str, Any]:
    """Append the record `backup.verification` of an outcome and give its fields."""
    fields = _fields(outcome.findings)
    fields["grade"] = "restored" if outcome.error is None else ""
    backup.record_verification(request.method, run, seconds, outcome.error, **fields)
    return fields


def _fields(found: Findings) -> dict[str, Any]:
    """Give the findings under the names of the record."""
    names = asdict(found)
    wiped, tables, rows = names.pop("is_wiped"), names.pop("tables"), names.pop("rows")
    checked = names.pop("dump_bytes") + names.pop("files_bytes")
    return {**names, "checked_bytes": checked, "table_count": tables, "row_count": rows, "wiped": wiped}


def _is_dead(backup: Backup, run: str) -> bool:
    """Whether a run of this installation has ended; one we do not know is not ours to judge."""
    try:
        return load_run(backup.settings.state, run).status is not RunStatus.RUNNING
    except UsageError:
        return False

"""How old and how far proved the backups of each application are, other tools' among them."""

from collections.abc import Sequence

from dcops.backup.plan import Freshness, freshness
from dcops.core.clock import parse_rfc3339, utc_now
from dcops.core.settings import Settings
from dcops.core.words import Value
from dcops.inventory import load
from dcops.records.kinds.backup import BackupVerification, Receipt
from dcops.records.kinds.backup_copies import ForeignReceipt
from dcops.records.kinds.drills import DrillResult
from dcops.records.model import Record
from dcops.wiring.backup import load_policies, open_backup
from dcops.wiring.received import finished_at, records_everywhere
from dcops.wiring.records import open_journal

REPORTED, RESTORED, DRILLED = "reported", "restored", "drilled"


def statuses(settings: Settings, inventory_name: str, application: str | None = None) -> list[Freshness]:
    """Give how old the newest good backup of each application is: one of ours, one for each tool that told of others.

    Raises UsageError for an application that has neither a policy nor a receipt of another tool.
    """
    inventory = load(settings.inventory_root(inventory_name))
    journal = open_journal(settings, inventory, inventory.environment)
    kinds = (Receipt, BackupVerification, ForeignReceipt, DrillResult)
    records, _ = records_everywhere(settings, inventory, journal, *(each.kind for each in kinds))
    policies, told = load_policies(inventory), _newest_told(records)
    names = sorted({*policies, *(key for key, _ in told)}) if application is None else [application]
    found = []
    for name in names:
        foreign = [(tool, record) for (key, tool), record in sorted(told.items()) if key == name]
        if name in policies or not foreign:  # without either, this says what is known
            own = open_backup(settings, inventory_name, name).service.status(utc_now())
            grade = _grade(records, name, policies[name].repository.name) if own.age_seconds is not None else ""
            found.append(own.model_copy(update={"grade": grade}))
        limit: Value[float] = policies[name].max_age if name in policies else Value()
        found += [_told(records, name, tool, record, limit) for tool, record in foreign]
    return found


def _newest_told(records: Sequence[Record]) -> dict[tuple[str, str], Record]:
    """Give (application, tool) -> its newest good receipt."""
    newest: dict[tuple[str, str], Record] = {}
    for record in records:
        if record.envelope.kind == ForeignReceipt.kind and record.payload["status"] == "done":
            key = str(record.payload["application"]), str(record.payload["tool"])
            newest[key] = max((record, newest.get(key, record)), key=finished_at)
    return newest


def _told(records: Sequence[Record], name: str, tool: str, record: Record, limit: Value[float]) -> Freshness:
    judged = freshness(name, parse_rfc3339(str(record.payload["finished_at"])), limit, utc_now())
    grade = _grade(records, name, str(record.payload["repository"]))
    return judged.model_copy(update={"journal": record.journal, "told_by": tool, "grade": grade})


def _grade(records: Sequence[Record], application: str, repository: str) -> str:
    """Give how far the copies of an application in one repository are proved."""
    ids = {
        str(each.payload["repository_id"])
        for each in records
        if each.envelope.kind == Receipt.kind and each.payload["repository"] == repository
    }
    if any(_is_drilled(each, application, ids) for each in records):
        return DRILLED
    return RESTORED if any(_is_restored(each, application, repository) for each in records) else REPORTED


def _is_drilled(record: Record, application: str, repository_ids: set[str]) -> bool:
    """Whether a drill that passed recovered the application from one of these repositories."""
    payload = record.payload
    if record.envelope.kind != DrillResult.kind or payload["app"] != application or payload["verdict"] != "PASS":
        return False
    return bool(payload.get("executed")) and payload["recovery_point"].get("repository_id") in repository_ids


def _is_restored(record: Record, application: str, repository: str) -> bool:
    """Whether data came back from the repository and was equal."""
    if record.envelope.kind != BackupVerification.kind:
        return False
    found = BackupVerification.model_validate(dict(record.payload))
    is_it = (found.application, found.repository, found.status) == (application, repository, "pass")
    return is_it and (found.grade == RESTORED or found.method == "restore")

"""Gathers the facts of 3-2-1-1-0: places and custody of the inventory, receipts and verifications known here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dcops.backup.copies import Copy, Judged, Limits, Place, Role, judge, without_policy
from dcops.backup.due import covered, exposure
from dcops.backup.model import BackupPolicy
from dcops.core.clock import parse_rfc3339, utc_now
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.words import Value
from dcops.inventory import Inventory, load
from dcops.inventory.custody import repositories, who_can_destroy
from dcops.inventory.model import Application, CustodyDomain, Device
from dcops.records.kinds.backup import BackupVerification, Receipt
from dcops.records.kinds.backup_wal import WalReceipt
from dcops.records.model import Record
from dcops.wiring.backup import load_policies
from dcops.wiring.received import records_everywhere
from dcops.wiring.records import open_journal

# What brought data back and compared it; a check of the repository alone proves no restore.
_BROUGHT_BACK = ("restore", "verify sample", "verify db", "verify full")


@dataclass(frozen=True)
class Known:
    """The records of backups in this host's journal and in those handed over here, verified."""

    records: Sequence[Record]
    problems: tuple[str, ...]

    def of(self, kind: str, application: str) -> Iterator[Record]:
        """Give those of one kind and application."""
        for record in self.records:
            if record.envelope.kind == kind and record.payload["application"] == application:
                yield record


@dataclass(frozen=True)
class Report:
    """Every application of the catalogue, judged; `problems`: journals that were not believed."""

    applications: tuple[Judged, ...]
    problems: tuple[str, ...] = field(default=())


def judge_copies(settings: Settings, inventory_name: str, application: str | None = None) -> Report:
    """Judge the copies of every application, or of one. Asks no repository. Raises UsageError for an unknown one."""
    inventory = load(settings.inventory_root(inventory_name))
    policies = load_policies(inventory)
    if application is not None and application not in inventory.applications:
        guess = did_you_mean(application, inventory.applications)
        hint = f'Did you mean "{guess}"?' if guess else "See: dcops inventory list."
        raise UsageError(f'"{application}" is no application of the inventory', hint=hint)
    known = _known(settings, inventory)
    chosen = inventory.applications if application is None else [application]
    judged = (_judge(inventory, inventory.applications[key], policies.get(key), known) for key in chosen)
    return Report(tuple(judged), known.problems)


def _known(settings: Settings, inventory: Inventory) -> Known:
    journal = open_journal(settings, inventory, inventory.environment)
    return Known(
        *records_everywhere(settings, inventory, journal, Receipt.kind, BackupVerification.kind, WalReceipt.kind)
    )


def _judge(inventory: Inventory, application: Application, policy: BackupPolicy | None, known: Known) -> Judged:
    hosting = application.hosting
    if not application.is_hosted:
        return Judged(application=application.key, hosting=hosting.state.value, note=hosting.note or "")
    if policy is None:
        return without_policy(application.key)
    receipts = list(known.of(Receipt.kind, application.key))
    good = [Receipt.model_validate(dict(each.payload)) for each in receipts if each.payload["status"] == "done"]
    now = utc_now()
    looked = _newest(known.of(WalReceipt.kind, application.key))
    wal = WalReceipt.model_validate(dict(looked.payload)) if looked else None
    plain = exposure(policy, sorted(good, key=lambda each: each.started_at), application.rpo_seconds)
    lines = judge(
        (_production(inventory, policy), _repository(inventory, policy, known)),
        covered(policy, plain, wal, now),
        _limits(inventory, policy),
        now,
    )
    return Judged(application=application.key, hosting=hosting.state.value, lines=lines)


def _limits(inventory: Inventory, policy: BackupPolicy) -> Limits:
    continuity = inventory.policy.continuity
    return Limits(
        copies=_number(continuity.backup_copies),
        media=_number(continuity.backup_media),
        off_site=_number(continuity.backup_off_site_copies),
        append_only=_number(continuity.backup_append_only_copies),
        copy_age_seconds=policy.max_age.value,
        test_age_seconds=continuity.restore_test_age.critical.value if continuity.restore_test_age.critical else None,
    )


def _number(value: Value[int] | None) -> int | None:
    return None if value is None else value.value


def _production(inventory: Inventory, policy: BackupPolicy) -> Copy:
    device = inventory.devices[policy.database.device]
    return Copy(name=device.name, role=Role.PRODUCTION, place=_place(device), shown_by=f"inventory {device.name}")


def _place(device: Device | None) -> Place:
    """Give where a device is: by the word of the inventory, nobody looked."""
    if device is None:
        return Place(shown_by="no device of the inventory")
    return Place(site=device.site, machine=device.name, shown_by=f"inventory {device.name}")


def _repository(inventory: Inventory, policy: BackupPolicy, known: Known) -> Copy:
    """Give the copy in the policy's repository, with the newest receipt and the newest restore known here."""
    spec = policy.repository
    device, asset = _where(inventory, spec.url)
    is_listed = asset in repositories(inventory)
    newest = _newest(
        record
        for record in known.of(Receipt.kind, policy.application)
        if record.payload["status"] == "done" and record.payload["repository"] == spec.name
    )
    tested = _newest(
        record
        for record in known.of(BackupVerification.kind, policy.application)
        if _is_test(record, spec.name, newest.payload["repository_id"] if newest else "")
    )
    destroyers = (each.name for each in who_can_destroy(inventory, asset) if each.domain is CustodyDomain.PRODUCTION)
    return Copy(
        name=spec.name,
        role=Role.BACKUP,
        place=_place(device),
        taken_at=parse_rfc3339(str(newest.payload["finished_at"])) if newest else None,
        shown_by=_shown(newest) if newest else f"inventory backup/{policy.application}.yml",
        destroyers=tuple(destroyers) if is_listed else None,
        custody_shown_by=f"credentials.yml {asset}" if is_listed else "",
        tested_at=parse_rfc3339(tested.envelope.at) if tested else None,
        tested_by=_shown(tested) if tested else "",
    )


def _where(inventory: Inventory, url: str) -> tuple[Device | None, str]:
    """Give the device that holds a repository and what custody calls the repository: `repository:DEVICE/PATH`."""
    parts = urlsplit(url.removeprefix("rest:"))
    host = parts.hostname or ""
    device = next((each for each in inventory.devices.values() if host and host in (each.fqdn, each.name)), None)
    return device, f"repository:{device.name if device else host}/{parts.path.strip('/')}"


def _is_test(record: Record, repository: str, repository_id: str) -> bool:
    """Whether a verification brought data of this very repository back; another one of that name proves nothing."""
    found = BackupVerification.model_validate(dict(record.payload))
    is_it = found.repository == repository and found.repository_id in ("", repository_id)
    return is_it and found.status == "pass" and found.method in _BROUGHT_BACK


def _newest(records: Iterable[Record]) -> Record | None:
    return max(records, key=lambda record: record.envelope.at, default=None)


def _shown(record: Record) -> str:
    return f"{record.journal}:{record.seq} {record.envelope.kind}"

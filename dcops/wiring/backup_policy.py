"""Gathers the facts of 3-2-1-1-0: places and custody of the inventory, receipts and verifications known here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from dcops.backup.copies import Copy, Judged, Limits, Place, Role, judge, without_policy
from dcops.backup.due import Exposure, covered, exposure
from dcops.backup.model import BackupPolicy, NothingToBackUp, RepositorySpec
from dcops.core.clock import parse_rfc3339, utc_now
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.words import Status, Value
from dcops.inventory import Inventory, load
from dcops.inventory.custody import repositories, who_can_destroy
from dcops.inventory.model import Application, CustodyDomain, Device, Part
from dcops.records.kinds.backup import BackupVerification, Receipt
from dcops.records.kinds.backup_copies import BackupCopy, ForeignReceipt
from dcops.records.kinds.backup_wal import WalReceipt
from dcops.records.kinds.observations import Observation
from dcops.records.model import Record
from dcops.runs.identity import require_identity
from dcops.runs.run import start_run
from dcops.wiring.backup import load_nothing, load_policies
from dcops.wiring.backup_observe import ASPECT, device_of, observe_hosts
from dcops.wiring.handover import hand_over
from dcops.wiring.received import finished_at, records_everywhere
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

    def place_of(self, device: str, limit_seconds: float | None) -> Record | None:
        """Give the newest observation of where a device's data lies, None when there is none or it is too old."""
        seen = (r for r in self.records if r.envelope.kind == Observation.kind and r.payload["aspect"] == ASPECT)
        newest = _newest(record for record in seen if record.payload["subject"] == device)
        if newest is None or limit_seconds is None:
            return newest
        age = utc_now() - parse_rfc3339(newest.envelope.at)
        return newest if timedelta(0) <= age <= timedelta(seconds=limit_seconds) else None


@dataclass(frozen=True)
class Report:
    """Every application of the catalogue, judged; `problems`: journals that were not believed."""

    applications: tuple[Judged, ...]
    problems: tuple[str, ...] = field(default=())


def judge_copies(settings: Settings, inventory_name: str, application: str | None = None) -> Report:
    """Judge the copies of every application, or of one. Asks no repository. Raises UsageError for an unknown one."""
    inventory = load(settings.inventory_root(inventory_name))
    policies, nothing = load_policies(inventory), load_nothing(inventory)
    if application is not None and application not in inventory.applications:
        guess = did_you_mean(application, inventory.applications)
        hint = f'Did you mean "{guess}"?' if guess else "See: dcops inventory list."
        raise UsageError(f'"{application}" is no application of the inventory', hint=hint)
    known = _known(settings, inventory)
    chosen = inventory.applications if application is None else [application]
    judged = (
        _judge(inventory, inventory.applications[key], policies.get(key) or nothing.get(key), known) for key in chosen
    )
    return Report(tuple(judged), known.problems)


def observe_places(settings: Settings, inventory_name: str) -> list[str]:
    """Look at the hosts of production data and copies that may be asked from here, and record it; gives warnings.

    Raises Refused (exit 7) on a host that is not enrolled for this inventory.
    """
    inventory = load(settings.inventory_root(inventory_name))
    identity = require_identity(settings.identity_path, environment=inventory.environment, inventory=inventory.name)
    journal = open_journal(settings, inventory, inventory.environment)
    policies = load_policies(inventory)
    with start_run(
        settings.state,
        "backup policy --observe",
        environment=inventory.environment,
        inventory=inventory.name,
        inventory_revision=inventory.revision,
        journal=journal,
    ) as run:
        warnings = observe_hosts(settings, inventory, policies, journal, run.run_id)
        run.finish({"warnings": len(warnings)})
    return warnings + hand_over(settings, inventory, identity, journal)


def _known(settings: Settings, inventory: Inventory) -> Known:
    journal = open_journal(settings, inventory, inventory.environment)
    kinds = (Receipt, BackupVerification, WalReceipt, BackupCopy, ForeignReceipt, Observation)
    return Known(*records_everywhere(settings, inventory, journal, *(each.kind for each in kinds)))


def _judge(
    inventory: Inventory, application: Application, policy: BackupPolicy | NothingToBackUp | None, known: Known
) -> Judged:
    hosting = application.hosting
    if not application.is_hosted:
        return Judged(application=application.key, hosting=hosting.state.value, note=hosting.note or "")
    told = _told(inventory, application.key, known)
    if policy is None:
        return _judge_told(inventory, application, told)
    if isinstance(policy, NothingToBackUp):
        return _judge_nothing(application, policy)
    receipts = list(known.of(Receipt.kind, application.key))
    good = [Receipt.model_validate(dict(each.payload)) for each in receipts if each.payload["status"] == "done"]
    now = utc_now()
    looked = _newest(known.of(WalReceipt.kind, application.key))
    wal = WalReceipt.model_validate(dict(looked.payload)) if looked else None
    plain = exposure(policy, sorted(good, key=lambda each: each.started_at), application.rpo_seconds)
    lines = judge(
        (
            _production(inventory, policy, known),
            _repository(inventory, policy, known),
            *(_copied(inventory, policy, spec, known) for spec in policy.copies),
            *told,
        ),
        covered(policy, plain, wal, now),
        _limits(inventory, policy.max_age.value),
        now,
    )
    return Judged(application=application.key, hosting=hosting.state.value, lines=lines)


def _judge_told(inventory: Inventory, application: Application, told: Sequence[Copy]) -> Judged:
    """Judge an application that no policy here speaks of: by what other tools told, if they did."""
    if not told:
        return without_policy(application.key)
    device = next(iter(application.devices(Part.DATABASE) or application.devices()), None)
    place = Place(shown_by="no device of the inventory")
    if device is not None:
        found = inventory.devices[device]
        place = Place(site=found.site, machine=found.name, shown_by=f"inventory {device}")
    production = Copy(name=device or "production", role=Role.PRODUCTION, place=place, shown_by=place.shown_by)
    reason = "another tool takes the backups; its schedule is not known here"
    unknown = Exposure(status=Status.UNKNOWN, worst_seconds=None, rpo_seconds=application.rpo_seconds, reason=reason)
    lines = judge((production, *told), unknown, _limits(inventory, None), utc_now())
    return Judged(application=application.key, hosting=application.hosting.state.value, lines=lines)


def _told(inventory: Inventory, application: str, known: Known) -> tuple[Copy, ...]:
    """Give the copies that other tools told of, one a repository, with the newest good receipt of each."""
    newest: dict[str, Record] = {}
    for record in known.of(ForeignReceipt.kind, application):
        name = str(record.payload["repository"])
        if record.payload["status"] == "done":
            newest[name] = max((record, newest.get(name, record)), key=finished_at)
    return tuple(_told_copy(inventory, application, name, record, known) for name, record in sorted(newest.items()))


def _told_copy(inventory: Inventory, application: str, name: str, record: Record, known: Known) -> Copy:
    verifications = known.of(BackupVerification.kind, application)
    tested = _newest(each for each in verifications if _is_test(each, name, ""))
    asset = f"repository:{name}"
    is_listed = asset in repositories(inventory)
    destroyers = (each.name for each in who_can_destroy(inventory, asset) if each.domain is CustodyDomain.PRODUCTION)
    site = str(record.payload["site"]) or None
    return Copy(
        name=name,
        role=Role.BACKUP,
        place=Place(site=site, machine=f"{record.payload['tool']} {name}", shown_by=_shown(record)),
        taken_at=parse_rfc3339(str(record.payload["finished_at"])),
        shown_by=_shown(record),
        destroyers=tuple(destroyers) if is_listed else None,
        custody_shown_by=f"credentials.yml {asset}" if is_listed else "",
        tested_at=parse_rfc3339(tested.envelope.at) if tested else None,
        tested_by=_shown(tested) if tested else "",
        is_reported=tested is None,
    )


def _judge_nothing(application: Application, policy: NothingToBackUp) -> Judged:
    """Believe that there is nothing to back up only while the inventory gives the application no place for data."""
    kept = [host.device for host in application.hosts if host.part in (Part.DATABASE, Part.FILES)]
    if kept or not policy.nothing_to_back_up.is_set:
        return without_policy(application.key)
    note = f"nothing to back up: {policy.nothing_to_back_up.value}"
    return Judged(application=application.key, hosting=application.hosting.state.value, note=note)


def _limits(inventory: Inventory, max_age_seconds: float | None) -> Limits:
    continuity = inventory.policy.continuity
    return Limits(
        copies=_number(continuity.backup_copies),
        media=_number(continuity.backup_media),
        off_site=_number(continuity.backup_off_site_copies),
        append_only=_number(continuity.backup_append_only_copies),
        copy_age_seconds=max_age_seconds,
        test_age_seconds=continuity.restore_test_age.critical.value if continuity.restore_test_age.critical else None,
    )


def _number(value: Value[int] | None) -> int | None:
    return None if value is None else value.value


def _production(inventory: Inventory, policy: BackupPolicy, known: Known) -> Copy:
    device = inventory.devices[policy.database.device]
    place = _place(inventory, device, known)
    return Copy(name=device.name, role=Role.PRODUCTION, place=place, shown_by=f"inventory {device.name}")


def _place(inventory: Inventory, device: Device | None, known: Known) -> Place:
    """Give where a device is: as seen on the device itself, else by the word of the inventory."""
    if device is None:
        return Place(shown_by="no device of the inventory")
    limit = inventory.policy.continuity.backup_observation_age
    seen = known.place_of(device.name, limit.value if limit else None)
    if seen is None:
        return Place(site=device.site, machine=device.name, shown_by=f"inventory {device.name}")
    facts = seen.payload["facts"]
    filesystem = f"{facts['filesystem_type']} {facts['filesystem']}"
    return Place(
        site=facts["site"], machine=facts["machine_id"], filesystem=filesystem, is_observed=True, shown_by=_shown(seen)
    )


def _repository(inventory: Inventory, policy: BackupPolicy, known: Known) -> Copy:
    """Give the copy in the policy's repository, with the newest receipt and the newest restore known here."""
    newest = _newest(
        record
        for record in known.of(Receipt.kind, policy.application)
        if record.payload["status"] == "done" and record.payload["repository"] == policy.repository.name
    )
    return _copy(inventory, policy, policy.repository, newest, known, end="finished_at")


def _copied(inventory: Inventory, policy: BackupPolicy, spec: RepositorySpec, known: Known) -> Copy:
    """Give a copy in a further repository: as old as the set that was found there after the newest copying."""
    newest = _newest(
        record
        for record in known.of(BackupCopy.kind, policy.application)
        if record.payload["status"] == "done" and record.payload["repository"] == spec.name
    )
    return _copy(inventory, policy, spec, newest, known, end="set_finished_at")


def _copy(
    inventory: Inventory, policy: BackupPolicy, spec: RepositorySpec, newest: Record | None, known: Known, end: str
) -> Copy:
    """Give what is known of the copy that record `newest` shows; its field `end` tells how old the data is."""
    device, asset = device_of(inventory, spec.url)
    # Custody that nobody wrote down is not the same as custody that lets nobody delete.
    is_listed = asset in repositories(inventory)
    tested = _newest(
        record
        for record in known.of(BackupVerification.kind, policy.application)
        if _is_test(record, spec.name, newest.payload["repository_id"] if newest else "")
    )
    destroyers = (each.name for each in who_can_destroy(inventory, asset) if each.domain is CustodyDomain.PRODUCTION)
    return Copy(
        name=spec.name,
        role=Role.BACKUP,
        place=_place(inventory, device, known),
        taken_at=parse_rfc3339(str(newest.payload[end])) if newest else None,
        shown_by=_shown(newest) if newest else f"inventory backup/{policy.application}.yml",
        destroyers=tuple(destroyers) if is_listed else None,
        custody_shown_by=f"credentials.yml {asset}" if is_listed else "",
        tested_at=parse_rfc3339(tested.envelope.at) if tested else None,
        tested_by=_shown(tested) if tested else "",
    )


def _is_test(record: Record, repository: str, repository_id: str) -> bool:
    """Whether a verification brought data of this very repository back; another one of that name proves nothing."""
    found = BackupVerification.model_validate(dict(record.payload))
    is_it = found.repository == repository and found.repository_id in ("", repository_id)
    return is_it and found.status == "pass" and found.method in _BROUGHT_BACK


def _newest(records: Iterable[Record]) -> Record | None:
    return max(records, key=lambda record: record.envelope.at, default=None)


def _shown(record: Record) -> str:
    return f"{record.journal}:{record.seq} {record.envelope.kind}"

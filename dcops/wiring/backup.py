"""Makes the backup service of one application: policy, repository, database, file mirror, receipts in the journal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dcops.backup.exposition import Objectives, exposition
from dcops.backup.model import BackupPolicy, KnownReceipts, NothingToBackUp, RepositorySpec
from dcops.backup.restic import Restic, ResticAccess
from dcops.backup.service import BackupService, Place, Writers
from dcops.backup.spec import Locate, read_nothing, read_policies
from dcops.backup.ssh import SshTarget
from dcops.backup.ssh_files import SshFileMirror
from dcops.core import yaml
from dcops.core.errors import DcopsError, Interrupted, Refused, UsageError
from dcops.core.files import write_atomic
from dcops.core.secrets import SecretStore
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.words import Environment
from dcops.inventory import Inventory, load
from dcops.inventory.writing import require_writable
from dcops.records.kinds.backup import BackupVerification, Receipt
from dcops.records.service import Journal
from dcops.runs.identity import Identity, require_identity
from dcops.runs.locks import hold
from dcops.runs.refusals import refusals_recorded
from dcops.runs.run import Run, current_actor, start_run
from dcops.wiring.backup_sources import authority_path, database_of
from dcops.wiring.handover import hand_over
from dcops.wiring.received import records_everywhere
from dcops.wiring.records import open_journal

FOLDER = "backup"
LOCK_WAIT_SECONDS = 60.0
# Where Debian's node exporter looks for text files; it exists only where that is installed.
TEXTFILES = Path("/var/lib/prometheus/node-exporter")


class JournalReceipts:
    """The receipt log of the backup service, over the journal."""

    def __init__(self, settings: Settings, journal: Journal, inventory: Inventory, site: str) -> None:
        self._settings, self._journal, self._inventory, self._site = settings, journal, inventory, site

    def enrolled(self, repository: str) -> str | None:
        """Give the repository id enrolled under this name, or None."""
        for record in self._journal.query(kind="enrolment", is_newest_first=True):
            if record.payload["subject"] == "repository" and record.payload["name"] == repository:
                return str(record.payload["facts"]["repository_id"])
        return None

    def enrol(self, repository: str, repository_id: str, run: str) -> None:
        """Record the id of a repository on first use."""
        payload = {
            "name": repository,
            "subject": "repository",
            "inventory": self._inventory.name,
            "site": self._site,
            "facts": {"repository_id": repository_id},
        }
        self._journal.append("enrolment", payload, run=run)

    def add(self, receipt: Receipt, run: str) -> None:
        """Record the outcome of a run, good or bad."""
        self._journal.append(receipt.kind, receipt.model_dump(mode="json"), run=run)

    def receipts(self, application: str) -> list[Receipt]:
        """Give the recorded receipts of an application, oldest first."""
        found = (record.payload for record in self._journal.query(kind=Receipt.kind))
        return [Receipt.model_validate(dict(each)) for each in found if each["application"] == application]

    def everywhere(self, application: str) -> KnownReceipts:
        """Give its receipts of this host's journals and of those other operations servers handed over, verified."""
        records, problems = records_everywhere(self._settings, self._inventory, self._journal, Receipt.kind)
        found = [(record.journal, Receipt.model_validate(dict(record.payload))) for record in records]
        mine = tuple((journal, receipt) for journal, receipt in found if receipt.application == application)
        return KnownReceipts(receipts=mine, problems=problems)


@dataclass(frozen=True)
class Backup:
    """One application's backups, ready to be run or looked at."""

    settings: Settings
    inventory: Inventory
    policy: BackupPolicy
    identity: Identity | None
    journal: Journal
    service: BackupService
    repository: Restic

    def writers(self) -> Writers:
        """Give what a run writes with.

        Raises Refused unless this host is enrolled for this inventory and the inventory lets dcops act on the sources.
        """
        require_enrolled(self.settings, self.inventory)
        source, files = self.policy.database, self.policy.files
        names = dict.fromkeys((source.device, *((files.device,) if files else ())))
        require_writable(self.inventory, [self.inventory.devices[name] for name in names])
        database = database_of(self.settings, source, address_of(self.inventory, source.device))
        mirror = None
        if files:
            folder = self.settings.state / "backup" / "mirror" / self.policy.application / files.id
            target = SshTarget(files.device, address_of(self.inventory, files.device), files.ssh_user)
            mirror = SshFileMirror(target, files.path, folder)
        return Writers(database, mirror, self.repository)

    @contextmanager
    def run(self, verb: str) -> Iterator[Run]:
        """Start a run of `verb` that holds this repository's lock. Raises Locked when another run has it."""
        revision, actor = self.inventory.revision, current_actor()
        arguments = {"application": self.policy.application}
        with (
            hold(self.settings.state / "locks", f"backup-{self.policy.repository.name}", actor=actor, verb=verb),
            start_run(
                self.settings.state,
                verb,
                environment=self.inventory.environment,
                inventory=self.inventory.name,
                inventory_revision=revision,
                arguments=arguments,
                journal=self.journal,
            ) as run,
        ):
            yield run

    def hand_over(self) -> list[str]:
        """Give the journal with this run's receipt to the other operations servers; gives warnings, never raises."""
        if self.identity is None:
            return []
        return hand_over(self.settings, self.inventory, self.identity, self.journal)

    def write_metrics(self) -> None:
        """Write the text file that the node exporter of this host reads; nothing where there is no such folder."""
        if not TEXTFILES.is_dir():
            return
        receipts = [Receipt.model_validate(dict(r.payload)) for r in self.journal.query(kind=Receipt.kind)]
        policies = load_policies(self.inventory)
        objectives = [
            Objectives(application=key, rto_seconds=each.rto_seconds, rpo_seconds=each.rpo_seconds)
            for key, each in self.inventory.applications.items()
            if key in policies
        ]
        write_atomic(TEXTFILES / "dcops_backup.prom", exposition(receipts, objectives))

    def record_verification(
        self, method: str, run: str, seconds: float, error: DcopsError | None, **found: Any
    ) -> None:
        """Append what a check, a restore or a verification found; `found` are further fields of the record."""
        payload = BackupVerification(
            application=self.policy.application,
            repository=self.policy.repository.name,
            method=method,
            status="interrupted" if isinstance(error, Interrupted) else "fail" if error else "pass",
            duration_seconds=round(seconds, 3),
            error=str(error) if error else "",
            **found,
        )
        self.journal.append(payload.kind, payload.model_dump(mode="json"), run=run)


class _HasAddress(Protocol):
    """The part of a device that is needed here."""

    @property
    def address(self) -> str | None:
        """In-band address."""


def address_of(inventory: Inventory, device: str) -> str:
    """Give the in-band address of a device. Raises UsageError when it has none."""
    found: _HasAddress = inventory.devices[device]
    if found.address is None:
        raise UsageError(f'"{device}" has no address', hint="Give it one in the inventory.")
    return found.address


def require_enrolled(settings: Settings, inventory: Inventory) -> Identity:
    """Give this host's identity. Raises Refused (exit 7) unless it is enrolled for this inventory and environment."""
    return require_identity(settings.identity_path, environment=inventory.environment, inventory=inventory.name)


def load_policies(inventory: Inventory) -> dict[str, BackupPolicy]:
    """Give application -> policy of an inventory. Raises SpecError with every problem of every file."""
    documents, locate = _documents(inventory)
    return read_policies(
        documents.items(),
        devices=inventory.devices,
        applications=inventory.applications,
        locate=locate,
        classes=_data_classes(inventory),
    )


def _data_classes(inventory: Inventory) -> dict[str, str]:
    held = {name: each.operations.data_class for name, each in inventory.applications.items()}
    return {name: str(value.value) for name, value in held.items() if value is not None and value.value is not None}


def load_nothing(inventory: Inventory) -> dict[str, NothingToBackUp]:
    """Give application -> why it has nothing to back up. Raises SpecError with every problem of every file."""
    documents, locate = _documents(inventory)
    return read_nothing(documents.items(), applications=inventory.applications, locate=locate)


def _documents(inventory: Inventory) -> tuple[Mapping[str, Any], Locate]:
    """Give file name -> content of the backup folder, and what finds the line of a key in one."""
    base = inventory.root.parent.parent
    paths = {str(path.relative_to(base)): path for path in sorted((inventory.root / FOLDER).glob("*.yml"))}
    return {name: yaml.load(path) for name, path in paths.items()}, lambda name, keys: yaml.locate(paths[name], keys)


def open_backup(
    settings: Settings,
    inventory_name: str,
    application: str | None,
    *,
    is_lock_free: bool = False,
    writing: str = "",
    repository: str | None = None,
) -> Backup:
    """Give the backups of `application`; with one policy only it need not be named. Opens no connection.

    `writing`: the verb that will write, whose refusal is recorded; `repository`: look at this one of the policy's
    copies in place of the one that backups go to.
    """
    inventory = load(settings.inventory_root(inventory_name))
    policy = _at(_choose(load_policies(inventory), application), repository)
    identity = require_identity(settings.identity_path) if settings.identity_path.exists() else None
    site = identity.site if identity else ""
    journal = open_journal(settings, inventory, inventory.environment)  # refuses before a secret is looked for
    with refusals_recorded(writing, journal, settings.identity_path) if writing else nullcontext():
        opened = open_repository(settings, policy, site, is_lock_free=is_lock_free)
    place = Place(Environment(inventory.environment), site, inventory.revision)
    service = BackupService(policy, place, opened, JournalReceipts(settings, journal, inventory, site))
    return Backup(settings, inventory, policy, identity, journal, service, opened)


def open_repository(settings: Settings, policy: BackupPolicy, site: str, *, is_lock_free: bool = False) -> Restic:
    """Give the repository of a policy, with the account of `site`. Raises Refused when that site has none."""
    return Restic(access_of(settings, policy.repository, policy.application, site, is_lock_free=is_lock_free))


def access_of(
    settings: Settings, spec: RepositorySpec, application: str, site: str, *, is_lock_free: bool = False
) -> ResticAccess:
    """Give how a repository is reached with the account of `site`. Raises Refused when that site has none."""
    secrets = SecretStore(settings)
    login = spec.logins.get(site)
    if spec.logins and login is None:
        known = ", ".join(sorted(spec.logins))
        raise Refused(
            f'site "{site or "unknown"}" has no account at repository {spec.name}',
            where=application,
            hint=f"Act from an enrolled host at {known}.",
        )
    return ResticAccess(
        url=spec.url,
        password=secrets.get(spec.password),
        cache=Path(settings.state / "backup" / "cache" / spec.name),
        login=(login.user, secrets.get(login.password)) if login else None,
        ca=authority_path(settings, spec.ca) if spec.ca else None,
        lock_wait_seconds=0.0 if is_lock_free else LOCK_WAIT_SECONDS,
        is_lock_free=is_lock_free,
    )


def _at(policy: BackupPolicy, repository: str | None) -> BackupPolicy:
    """Give a policy as seen at one of its repositories. Raises UsageError for an unknown one."""
    known = {spec.name: spec for spec in (policy.repository, *policy.copies)}
    if repository is None:
        return policy
    if repository not in known:
        guess = did_you_mean(repository, known)
        hint = f'Did you mean "{guess}"?' if guess else f"Known: {', '.join(known)}."
        raise UsageError(f'"{repository}" is no repository of {policy.application}', hint=hint)
    return policy.model_copy(update={"repository": known[repository]})


def _choose(policies: Mapping[str, BackupPolicy], application: str | None) -> BackupPolicy:
    """Give the policy of an application. Raises UsageError with a suggestion."""
    if application is None and len(policies) == 1:
        return next(iter(policies.values()))
    if application is None:
        raise UsageError("name the application", hint=f"--app, one of: {', '.join(sorted(policies)) or 'none'}.")
    if application not in policies:
        guess = did_you_mean(application, policies)
        hint = f'Did you mean "{guess}"?' if guess else f"With a policy: {', '.join(sorted(policies)) or 'none'}."
        raise UsageError(f'"{application}" has no backup policy', hint=hint)
    return policies[application]

"""Makes the backups of the kept network configurations: policy, repository, the history through its bridge, records."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from dcops.backup.configurations import SUBJECT, ConfigurationsPolicy, ConfigurationsService
from dcops.backup.restic import Restic
from dcops.core import yaml
from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError, Problem, SpecError, UsageError
from dcops.core.settings import Settings
from dcops.inventory import Inventory, load
from dcops.inventory.writing import require_writable
from dcops.records.kinds.backup import BackupVerification
from dcops.records.kinds.backup_copies import ConfigurationsReceipt
from dcops.records.service import Journal
from dcops.runs.identity import Identity
from dcops.runs.locks import hold
from dcops.runs.refusals import refusals_recorded
from dcops.runs.run import Run, current_actor, start_run
from dcops.wiring.backup import FOLDER, JournalReceipts, access_of, require_enrolled
from dcops.wiring.backup_observe import device_of
from dcops.wiring.bridges import GitConfigurations
from dcops.wiring.handover import hand_over
from dcops.wiring.records import open_journal

Report = Callable[[str], None]


@dataclass(frozen=True)
class ConfigurationBackups:
    """The backups of the kept configurations, ready to be run or verified."""

    settings: Settings
    inventory: Inventory
    policy: ConfigurationsPolicy
    identity: Identity
    journal: Journal
    repository: Restic
    service: ConfigurationsService

    def run(self, report: Report) -> tuple[ConfigurationsReceipt, list[str]]:
        """Take one backup, record and hand over its receipt; gives warnings. Raises what went wrong, recorded first."""
        with self._running("backup run --device-configs") as running:
            receipt, error = self.service.run(
                self.repository, self.inventory.environment, self.identity.site, running.run_id, report
            )
            self.journal.append(receipt.kind, receipt.model_dump(mode="json"), run=running.run_id)
            if error:
                raise error
            running.finish({"revision": receipt.revision, "manifest_sha256": receipt.manifest_sha256})
        return receipt, hand_over(self.settings, self.inventory, self.identity, self.journal)

    def verify(self) -> BackupVerification:
        """Bring the newest set back, compare it, and record what was found. Raises what went wrong, recorded first."""
        found: dict[str, object] = {}
        began = monotonic()
        with self._running("backup verify --device-configs") as running:
            error: DcopsError | None = None
            try:
                self.service.verify(found)
            except DcopsError as failure:
                error = failure
            payload = BackupVerification.model_validate({
                "application": SUBJECT, "repository": self.policy.repository.name, "method": "verify full",
                "status": "fail" if error else "pass", "grade": "" if error else "restored", "wiped": True,
                "error": str(error or ""), "duration_seconds": round(monotonic() - began, 3), **found,
            })  # fmt: skip
            self.journal.append(payload.kind, payload.model_dump(mode="json"), run=running.run_id)
            if error:
                raise error
        return payload

    @contextmanager
    def _running(self, verb: str) -> Iterator[Run]:
        with (
            hold(self.settings.state / "locks", f"backup-{SUBJECT}", actor=current_actor(), verb=verb),
            start_run(self.settings.state, verb, environment=self.inventory.environment,
                      inventory=self.inventory.name, inventory_revision=self.inventory.revision,
                      journal=self.journal) as run,
        ):  # fmt: skip
            yield run


def load_configurations_policy(inventory: Inventory) -> ConfigurationsPolicy | None:
    """Give the policy of `backup/devices/network_configurations.yml`, None when there is none. Raises SpecError."""
    path = inventory.root / FOLDER / "devices" / f"{SUBJECT}.yml"
    if not path.is_file():
        return None
    where = str(path.relative_to(inventory.root.parent.parent))
    try:
        return ConfigurationsPolicy.model_validate(yaml.load(path))
    except ValidationError as error:
        raise SpecError([
            Problem(f"{where}:{yaml.locate(path, row['loc'])}", ".".join(map(str, row["loc"])), row["msg"].rstrip("."))
            for row in error.errors()
        ]) from None  # fmt: skip


def open_configurations(settings: Settings, inventory_name: str, verb: str) -> ConfigurationBackups:
    """Give the backups of the configurations kept on this host. Raises Refused unless it is enrolled."""
    inventory = load(settings.inventory_root(inventory_name))
    policy = load_configurations_policy(inventory)
    if policy is None:
        hint = f"Write {FOLDER}/devices/{SUBJECT}.yml (docs/backup.md, Network configurations)."
        raise UsageError("no policy says where network configurations go", hint=hint)
    journal = open_journal(settings, inventory, inventory.environment)
    with refusals_recorded(verb, journal, settings.identity_path):
        identity = require_enrolled(settings, inventory)
        holder, _ = device_of(inventory, policy.repository.url)
        require_writable(inventory, [holder] if holder else [])
        repository = Restic(access_of(settings, policy.repository, SUBJECT, identity.site))
    log = JournalReceipts(settings, journal, inventory, identity.site)
    source = GitConfigurations(settings.state / "network" / "configs")
    service = ConfigurationsService(policy, repository, source, log)
    return ConfigurationBackups(settings, inventory, policy, identity, journal, repository, service)

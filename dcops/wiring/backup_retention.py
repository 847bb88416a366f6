"""Retention of one repository on its own host: who may act, what the journals say, the plan, and what was done."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe

from dcops.backup.configurations import SUBJECT
from dcops.backup.doubts import Known
from dcops.backup.exposition import prune_exposition
from dcops.backup.keeper import LocalKeeper
from dcops.backup.model import BackupPolicy, Retention
from dcops.backup.plan import check_identity
from dcops.backup.retention import Decision, Rules, decide
from dcops.backup.vouchers import VouchedSnapshot, Voucher
from dcops.core.clock import monotonic, parse_rfc3339, utc_now
from dcops.core.errors import DcopsError, Refused, UsageError
from dcops.core.files import private_dir, read_text, write_atomic
from dcops.core.secrets import Secret, SecretStore, file_below
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.words import Value
from dcops.inventory import Inventory, Role, load
from dcops.inventory.writing import require_writable
from dcops.records.kinds.backup import BackupVerification, Receipt
from dcops.records.kinds.backup_copies import BackupRetention, ConfigurationsReceipt, ForgottenSet
from dcops.records.model import Record
from dcops.records.service import Journal
from dcops.runs.identity import Identity, require_identity
from dcops.runs.locks import hold
from dcops.runs.plan import Plan, PlannedStep, make_plan, require_seen
from dcops.runs.refusals import refusals_recorded
from dcops.runs.run import Run, current_actor, start_run
from dcops.wiring.backup import LOCK_WAIT_SECONDS, TEXTFILES, load_policies
from dcops.wiring.backup_configurations import load_configurations_policy
from dcops.wiring.backup_observe import observe_self
from dcops.wiring.exchange import FETCHED, exchange
from dcops.wiring.handover import RECEIVED
from dcops.wiring.received import records_everywhere
from dcops.wiring.records import open_journal

Report = Callable[[str], None]
_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Planned:
    """What would be done, from which state, and the journals that were not believed."""

    plan: Plan
    decision: Decision
    repository_id: str
    until: datetime
    problems: tuple[str, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Everything that forbids to touch the repository."""
        return (*self.problems, *map(str, self.decision.doubts))


@dataclass(frozen=True)
class RetentionHost:
    """One repository on this host, and the applications that store there."""

    settings: Settings
    inventory: Inventory
    identity: Identity
    journal: Journal
    repository: str
    spec: Retention
    policies: Mapping[str, BackupPolicy]

    def keeper(self) -> LocalKeeper:
        """Give the repository with this host's own key. Raises DcopsError when it has none yet."""
        secret = SecretStore(self.settings).get(self.spec.password)
        return LocalKeeper(Path(self.spec.path), secret, LOCK_WAIT_SECONDS)

    def observe(self, run: Run) -> list[str]:
        """Look at this host and record where its copies lie: nobody else can. Gives warnings."""
        device = self.inventory.devices[self.spec.host]
        return observe_self(self.settings, self.inventory, self.journal, device, self.spec.path, run.run_id)

    def fetch(self) -> list[str]:
        """Exchange journals with the operations servers; gives warnings."""
        return exchange(self.settings, self.inventory, self.identity, self.journal)

    def plan(self, keeper: LocalKeeper) -> Planned:
        """Observe and decide; nothing is touched. Raises Refused when it is not the enrolled repository."""
        repository_id = keeper.identity()
        enrolled = self._enrolled()
        if enrolled is None:
            raise Refused(
                "this host was not enrolled for it", where=self.repository, hint="dcops backup retention enrol"
            )
        check_identity(repository_id, enrolled, keeper.where)
        snapshots = keeper.snapshots()
        known, problems = self._known(repository_id)
        rules = self._rules()
        decision = decide(snapshots, known, rules, utc_now())
        state = {
            "repository_id": repository_id,
            "snapshots": sorted(each.id for each in snapshots),
            "verified": sorted(f"{application}/{run}" for application, run in known.verified),
            "rules": {key: each.model_dump(mode="json") for key, each in sorted(rules.items())},
            "doubts": [each.snapshot for each in decision.doubts],
            "problems": list(problems),
        }
        plan = make_plan(
            "backup retention apply",
            environment=self.inventory.environment,
            inventory=self.inventory.name,
            inventory_revision=self.inventory.revision,
            state=state,
            made_at=utc_now(),
            steps=[
                PlannedStep(name="forget", target=f"{group.application}/{group.run}", detail=" ".join(group.snapshots))
                for group in decision.forget
            ],
        )
        return Planned(plan, decision, repository_id, known.until, problems)

    def apply(self, keeper: LocalKeeper, plan_id: str, run: Run, report: Report) -> BackupRetention:
        """Forget and prune exactly what plan `plan_id` named, and record it; whatever becomes of it is recorded.

        Raises Refused, nothing touched, when anything is in doubt or the state has moved since that plan.
        """
        began, planned = monotonic(), self.plan(keeper)
        record = self._record(planned, keeper)
        if planned.doubts:
            self._add(record.model_copy(update={"status": "refused", "doubts": list(planned.doubts)}), run)
            hint = "Nothing was touched. Find out who added them: docs/backup.md, Retention."
            raise Refused("; ".join(planned.doubts), where=self.repository, hint=hint)
        require_seen(planned.plan, yes=True, named=plan_id)
        done: dict[str, object] = {}
        try:
            report(f"forget: {len(planned.decision.ids)} snapshots of {len(planned.decision.forget)} runs")
            if planned.decision.ids:
                try:
                    keeper.forget(planned.decision.ids)
                except DcopsError:  # some may be gone: what is, cannot be brought back, so it must be recorded
                    done["forgotten"] = _forgotten(planned.decision, {each.id for each in keeper.snapshots()})
                    raise
            done["forgotten"] = _forgotten(planned.decision)
            report("prune")
            keeper.prune()
            done |= {"pruned": True, "status": "done"}
        except DcopsError as error:
            done |= {"status": "failed", "error": str(error)}
            raise
        finally:
            done["duration_seconds"] = round(monotonic() - began, 3)
            record = record.model_copy(update=done)
            self._add(record, run)
        self._write_metrics()
        return record

    def enrol(self, password: str, run: Run) -> str:
        """Make this host's own key of the repository with a password that is brought once, and enrol the repository.

        Gives the repository's id. Harmless when this host has its key: then nothing but the id is looked at.
        """
        store, own = SecretStore(self.settings), file_below(self.settings.secrets, self.spec.password)
        if own.exists():
            found = LocalKeeper(Path(self.spec.path), store.get(self.spec.password), LOCK_WAIT_SECONDS).identity()
        else:
            keeper = LocalKeeper(Path(self.spec.path), Secret(password, "standard input"), LOCK_WAIT_SECONDS)
            found = keeper.identity()
            check_identity(found, self._enrolled(), keeper.where)
            private_dir(own.parent)
            # Kept before it is added: a key in the repository that nobody holds could not be used or told apart.
            pending = own.with_name(f"{own.name}.new")
            if not pending.exists():  # a killed enrolment may have added it already
                write_atomic(pending, token_urlsafe(32) + "\n", 0o600)
            keeper.add_key(read_text(pending).strip())
            pending.rename(own)
        check_identity(found, self._enrolled(), self.spec.path)
        if self._enrolled() is None:
            payload = {"name": self.repository, "subject": "repository", "inventory": self.inventory.name,
                       "site": self.identity.site, "facts": {"repository_id": found}}  # fmt: skip
            self.journal.append("enrolment", payload, run=run.run_id)
        return found

    @contextmanager
    def run(self, verb: str) -> Iterator[Run]:
        """Start a run of `verb` that holds this repository's lock here."""
        revision, actor = self.inventory.revision, current_actor()
        with (
            hold(self.settings.state / "locks", f"backup-{self.repository}", actor=actor, verb=verb),
            start_run(self.settings.state, verb, environment=self.inventory.environment,
                      inventory=self.inventory.name, inventory_revision=revision,
                      arguments={"repository": self.repository}, journal=self.journal) as run,
        ):  # fmt: skip
            yield run

    def _rules(self) -> dict[str, Rules]:
        """Give who may store here, and what keeps their sets; network configurations by the repository's own rules."""
        rules = {key: rules_of(self.inventory, policy) for key, policy in self.policies.items()}
        devices = load_configurations_policy(self.inventory)
        if devices is not None and devices.repository.name == self.repository:
            rules[SUBJECT] = rules_of(self.inventory, next(p for p in self.policies.values() if p.retention))
        return rules

    def _enrolled(self) -> str | None:
        for record in self.journal.query(kind="enrolment", is_newest_first=True):
            if record.payload["subject"] == "repository" and record.payload["name"] == self.repository:
                return str(record.payload["facts"]["repository_id"])
        return None

    def _known(self, repository_id: str) -> tuple[Known, tuple[str, ...]]:
        kinds = (Receipt.kind, ConfigurationsReceipt.kind, BackupVerification.kind, "run.started")
        records, problems = records_everywhere(self.settings, self.inventory, self.journal, *kinds)
        found = [_voucher(each) for each in records if each.envelope.kind == Receipt.kind]
        found += [_of_configurations(each) for each in records if each.envelope.kind == ConfigurationsReceipt.kind]
        vouchers = tuple(voucher for name, voucher in found if name in (repository_id, ""))
        starts = {
            str(each.envelope.run): parse_rfc3339(each.envelope.at)
            for each in records
            if each.envelope.kind == "run.started" and str(each.payload["verb"]).startswith("backup run")
        }
        verified = frozenset(
            (str(each.payload["application"]), str(each.payload["set_run"]))
            for each in records
            if each.envelope.kind == BackupVerification.kind and _is_proof(each, self.repository, repository_id)
        )
        known = Known(
            vouchers=vouchers, started=starts, verified=verified, until=fetched(self.settings, self.inventory)
        )
        return known, problems

    def _record(self, planned: Planned, keeper: LocalKeeper) -> BackupRetention:
        decision = planned.decision
        verified = {key: sum(g.is_verified and g.application == key for g in decision.keep) for key in self.policies}
        return BackupRetention(
            repository=self.repository,
            repository_id=planned.repository_id,
            status="failed",
            plan_id=planned.plan.plan_id,
            kept=sum(len(group.snapshots) for group in decision.keep),
            verified=verified,
            journals_until=planned.until,
            tool=f"restic {keeper.tool_version}",
        )

    def _add(self, record: BackupRetention, run: Run) -> None:
        self.journal.append(record.kind, record.model_dump(mode="json"), run=run.run_id)

    def _write_metrics(self) -> None:
        """Write what the node exporter of this host reads; nothing where there is no such folder."""
        if TEXTFILES.is_dir():
            now = utc_now().timestamp()
            write_atomic(TEXTFILES / "dcops_backup_retention.prom", prune_exposition(dict.fromkeys(self.policies, now)))


def open_retention(settings: Settings, inventory_name: str, repository: str | None, verb: str) -> RetentionHost:
    """Give the repository to keep. Raises Refused (exit 7) anywhere but on its retention host."""
    inventory = load(settings.inventory_root(inventory_name))
    policies = load_policies(inventory)
    name = _choose({each.repository.name for each in policies.values() if each.retention}, repository)
    storing = {key: each for key, each in policies.items() if each.repository.name == name}
    spec = next(each.retention for each in storing.values() if each.retention)
    journal = open_journal(settings, inventory, inventory.environment)
    with refusals_recorded(verb, journal, settings.identity_path):
        identity = require_identity(
            settings.identity_path, environment=inventory.environment, inventory=inventory.name, node=spec.host
        )
        require_writable(inventory, [inventory.devices[spec.host]])
    return RetentionHost(settings, inventory, identity, journal, name, spec, storing)


def rules_of(inventory: Inventory, policy: BackupPolicy) -> Rules:
    """Give the rules of an application: its own, else the inventory's; of what nobody set, none."""
    spec, continuity = policy.retention, inventory.policy.continuity
    if spec is None:
        return Rules()
    within = spec.keep_within or continuity.backup_keep_within
    minimum: Value[int] | None = spec.minimum_verified or continuity.backup_minimum_verified
    return Rules(
        keep_within_seconds=within.value if within else None,
        minimum_verified=minimum.value if minimum else None,
        **spec.keep.model_dump(),
    )


def fetched(settings: Settings, inventory: Inventory) -> datetime:
    """Give when the operations servers' journals were fetched, the oldest of them; long ago when one never was."""
    peers = inventory.devices_with_role(Role.OPERATIONS)
    stamps = [settings.state / RECEIVED / peer.name / FETCHED for peer in peers]
    if not stamps or not all(each.is_file() for each in stamps):
        return _NEVER
    return min(parse_rfc3339(read_text(each).strip()) for each in stamps)


def _choose(names: set[str], wanted: str | None) -> str:
    known = ", ".join(sorted(names)) or "none"
    if wanted is None and len(names) == 1:
        return next(iter(names))
    if wanted is None:
        raise UsageError("name the repository", hint=f"--repository, one of: {known}.")
    if wanted not in names:
        guess = did_you_mean(wanted, names)
        hint = f'Did you mean "{guess}"?' if guess else f"With a retention host: {known}."
        raise UsageError(f'"{wanted}" is no repository with a retention host', hint=hint)
    return wanted


def _voucher(record: Record) -> tuple[str, Voucher]:
    """Give a receipt as what vouches for snapshots, and the id of the repository it speaks of."""
    receipt = Receipt.model_validate(dict(record.payload))
    parts = (
        (receipt.dump_snapshot, receipt.dump_tree),
        (receipt.files_snapshot, receipt.files_tree),
        (receipt.manifest_snapshot, ""),
    )
    return receipt.repository_id, Voucher(
        application=receipt.application,
        run=receipt.run,
        is_complete=receipt.status == "done",
        snapshots=tuple(VouchedSnapshot(id=snapshot, tree=tree) for snapshot, tree in parts if snapshot),
        started_at=receipt.started_at,
        finished_at=receipt.finished_at,
        recorded_at=parse_rfc3339(record.envelope.at),
        shown_by=f"{record.journal}:{record.seq}",
    )


def _of_configurations(record: Record) -> tuple[str, Voucher]:
    """Give a receipt of network configurations as `_voucher` does."""
    receipt = ConfigurationsReceipt.model_validate(dict(record.payload))
    parts = ((receipt.bundle_snapshot, receipt.bundle_tree), (receipt.manifest_snapshot, ""))
    return receipt.repository_id, Voucher(
        application=SUBJECT,
        run=receipt.run,
        is_complete=receipt.status == "done",
        snapshots=tuple(VouchedSnapshot(id=snapshot, tree=tree) for snapshot, tree in parts if snapshot),
        started_at=receipt.started_at,
        finished_at=receipt.finished_at,
        recorded_at=parse_rfc3339(record.envelope.at),
        shown_by=f"{record.journal}:{record.seq}",
    )


def _is_proof(record: Record, repository: str, repository_id: str) -> bool:
    found = BackupVerification.model_validate(dict(record.payload))
    is_it = found.repository == repository and found.repository_id == repository_id
    return is_it and found.status == "pass" and found.grade == "restored" and bool(found.set_run)


def _forgotten(decision: Decision, left: Collection[str] = ()) -> Sequence[ForgottenSet]:
    """Give the sets that were forgotten, less snapshots that are `left`."""
    sets = [
        ForgottenSet(application=each.application, run=each.run, at=each.at,
                     snapshots=[name for name in each.snapshots if name not in left])
        for each in decision.forget
    ]  # fmt: skip
    return [each for each in sets if each.snapshots]

"""Joins provisioning to this installation: playbooks, inventory script, secrets folder, ansible-runner, journal."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError, Interrupted, Refused, UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.words import Environment
from dcops.inventory import Inventory
from dcops.inventory.ansible import universe
from dcops.inventory.pattern import require
from dcops.inventory.writing import require_writable
from dcops.provision.ansible_runner import AnsibleRunner
from dcops.provision.model import Conclusion, Event, Job, Outcome, Playbook, TaskDone
from dcops.provision.parse import parse_summary
from dcops.provision.service import run_playbook
from dcops.records.kinds.provision import HostCounts, ProvisionResult
from dcops.records.service import Journal
from dcops.records.sign import SigningKey
from dcops.runs.cancel import CancelToken
from dcops.runs.identity import load_issuer
from dcops.runs.locks import hold
from dcops.runs.model import RunFile
from dcops.runs.plan import Plan, PlannedStep, make_plan, require_seen
from dcops.runs.refusals import refusals_recorded
from dcops.runs.run import Run, current_actor, list_runs, load_run, start_run
from dcops.wiring.inventory import open_inventory
from dcops.wiring.records import open_journal

VERB = "provision run"
CHECK_VERB = "provision check"
# Passed on to Ansible when set: which twin, and where people keep their vault's password.
_PASSED = ("DCOPS_TWIN", "DCOPS_HOME", "DCOPS_STATE", "DCOPS_IDENTITY", "ANSIBLE_VAULT_PASSWORD_FILE")


class NotDone(DcopsError):
    """A run that ended otherwise than done; it carries the exit code of its conclusion."""

    def __init__(self, code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # the table's code of this very run


@dataclass(frozen=True)
class Options:
    """What a person asked for."""

    playbook: str
    limit: str | None = None
    is_check: bool = False
    is_diff: bool = False
    forks: int = 16


@dataclass(frozen=True)
class Finished:
    """A run that came to a conclusion."""

    run: str
    conclusion: Conclusion
    duration_seconds: float

    def document(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        hosts = [{**asdict(host), "status": host.status.value} for host in self.conclusion.hosts]
        return {
            "run": self.run,
            "status": self.conclusion.status,
            "exit_code": int(self.conclusion.exit_code),
            "message": self.conclusion.message,
            "changed": self.conclusion.changed,
            "duration_seconds": round(self.duration_seconds, 3),
            "hosts": hosts,
        }


@dataclass(frozen=True)
class Provisioning:
    """The playbooks of this installation against one inventory."""

    settings: Settings
    inventory: Inventory

    def plan(self, options: Options) -> Plan:
        """Give what a run would be: the playbooks as they lie here, on these hosts, by this revision of the inventory.

        Raises UsageError when playbook or pattern are unknown.
        """
        playbook = find_playbook(self.settings, options.playbook)
        chosen = require(options.limit or "all", universe(self.inventory))
        return make_plan(
            VERB,
            environment=self.inventory.environment,
            inventory=self.inventory.name,
            inventory_revision=self.inventory.revision,
            state={"playbooks": tree_hash(playbook.path.parent)},
            made_at=utc_now(),
            steps=[PlannedStep(name=playbook.name, target=name) for name in sorted(chosen)],
        )

    def require_seen(self, plan: Plan, *, yes: bool, named: str | None) -> None:
        """Raise Refused, and record it, when `named` is another plan, or when production needs one named."""
        journal = open_journal(self.settings, self.inventory, self.inventory.environment)
        with refusals_recorded(VERB, journal, self.settings.identity_path):
            require_seen(plan, yes=yes, named=named)

    def run(self, options: Options, on_event: Callable[[Event], None], token: CancelToken) -> Finished:
        """Run a playbook under this inventory's lock, with events, result and a record.

        Raises UsageError when playbook or pattern are unknown, Refused when a host may not be written on, Locked when
        another run has the inventory. Every other end, good or bad, is a conclusion.
        """
        playbook = find_playbook(self.settings, options.playbook)
        script = self.inventory.root / "hosts"
        if not os.access(script, os.X_OK):
            # ansible-playbook would warn and end with 0.
            raise UsageError("the inventory's script is not there or not executable", where=str(script))
        chosen = require(options.limit or "all", universe(self.inventory))
        # It refuses, touching nothing, where this host may not act for the inventory; only then is there a journal.
        journal = open_journal(self.settings, self.inventory, self.inventory.environment)
        if not options.is_check:
            self._require_writable(chosen, journal)
        verb, actor = CHECK_VERB if options.is_check else VERB, current_actor()
        locks = self.settings.state / "locks"
        with hold(locks, self._lock, actor=actor, verb=verb, wait_seconds=0.0):
            return self._run(playbook, options, journal, on_event, token)

    def _require_writable(self, names: Iterable[str], journal: Journal) -> None:
        """Return when all may be written on. Raises Refused, after the record of it: no run has begun to write one."""
        try:
            require_writable(self.inventory, [self.inventory.devices[name] for name in names])
        except Refused as error:
            journal.append("run.refused", {"verb": VERB, "reasons": [str(error)]})
            raise

    @property
    def _lock(self) -> str:
        """Name the lock: one run at a time on the same hosts; two twins of one inventory are different hosts."""
        twin = (os.environ.get("DCOPS_TWIN") or "lab") if self.inventory.environment is Environment.TWIN else ""
        return f"provision-{self.inventory.name}" + (f"-{twin}" if twin else "")

    def _run(
        self,
        playbook: Playbook,
        options: Options,
        journal: Journal,
        on_event: Callable[[Event], None],
        token: CancelToken,
    ) -> Finished:
        began = monotonic()
        finished: Finished | None = None
        try:
            with start_run(
                self.settings.state,
                CHECK_VERB if options.is_check else VERB,
                environment=self.inventory.environment,
                inventory=self.inventory.name,
                inventory_revision=self.inventory.revision,
                arguments=asdict(options),
                journal=journal,
            ) as run:
                conclusion = self._execute(playbook, options, run, on_event, token)
                finished = Finished(run.run_id, conclusion, monotonic() - began)
                run.finish(finished.document())
                self._record(run, playbook, options, finished)
                _raise_unless_done(conclusion)
        except (NotDone, Refused, Interrupted):
            if finished is None:
                raise
        return finished

    def _execute(
        self, playbook: Playbook, options: Options, run: Run, on_event: Callable[[Event], None], token: CancelToken
    ) -> Conclusion:
        home = self.settings.home / "playbooks"
        runner = AnsibleRunner(home / "ansible.cfg", home / "guards" / "identity.yml")
        job = Job(
            playbook=playbook,
            inventory=self.inventory.root / "hosts",
            folder=run.folder / "ansible",
            secrets=secrets_folder(self.settings, self.inventory),
            limit=options.limit,
            is_check=options.is_check,
            is_diff=options.is_diff,
            forks=options.forks,
            issuer=issuer_of(self.settings, self.inventory),
            environ={name: os.environ[name] for name in _PASSED if os.environ.get(name)},
        )

        def receive(event: Event) -> None:
            if isinstance(event, TaskDone) and event.outcome in (Outcome.CHANGED, Outcome.FAILED, Outcome.UNREACHABLE):
                run.event(
                    f"task.{event.outcome.value}",
                    host=event.host,
                    task=event.task,
                    changes=list(event.changes),
                    message=event.message,
                )
            on_event(event)

        return run_playbook(job, universe(self.inventory), runner, runner, receive, lambda: token.is_cancelled)

    def _record(self, run: Run, playbook: Playbook, options: Options, finished: Finished) -> None:
        counts = ("ok", "changed", "failed", "unreachable", "skipped", "ignored")
        payload = ProvisionResult(
            playbook=playbook.name,
            playbook_sha256=tree_hash(playbook.path.parent),
            limit=options.limit or "",
            is_check=options.is_check,
            status=finished.conclusion.status,
            duration_seconds=round(finished.duration_seconds, 3),
            hosts={
                host.name: HostCounts(**{name: getattr(host, name) for name in counts})
                for host in finished.conclusion.hosts
            },
        )
        run.record(payload.kind, payload.model_dump(mode="json"))


def _raise_unless_done(conclusion: Conclusion) -> None:
    """Raise so that the run is written down as what it was; differences found by a check are no failure."""
    code = conclusion.exit_code
    if code in (ExitCode.DONE, ExitCode.DIFFERENCES):
        return
    if code is ExitCode.REFUSED:
        raise Refused(conclusion.message)
    if code is ExitCode.INTERRUPTED:
        raise Interrupted(conclusion.message)
    raise NotDone(code, conclusion.message)


def open_provisioning(settings: Settings, name: str) -> Provisioning:
    """Give provisioning for the inventory `name`, read and validated. Raises SpecError with every problem."""
    return Provisioning(settings, open_inventory(settings, name))


def secrets_folder(settings: Settings, inventory: Inventory) -> Path:
    """Give where the playbooks read secrets: DCOPS_SECRETS, else on a twin's host that twin's own folder."""
    if (
        os.environ.get("DCOPS_SECRETS")
        or inventory.environment is not Environment.TWIN
        or settings.identity_path.exists()
    ):
        return settings.secrets
    return _twin_secrets(settings)


def issuer_of(settings: Settings, inventory: Inventory) -> str:
    """Give the public key that enrols the inventory's hosts, as PEM: the one that enrolled this host, else the twin's.

    Empty when this host has neither; then no host it reaches passes the guard.
    """
    if settings.identity_path.exists():
        return load_issuer(settings.identity_path).pem
    key = _twin_secrets(settings) / "identity.key"
    if inventory.environment is not Environment.TWIN or not key.exists():
        return ""
    return SigningKey.from_pem(key.read_bytes(), where=str(key)).public.pem


def _twin_secrets(settings: Settings) -> Path:
    return settings.state.resolve() / "lab" / (os.environ.get("DCOPS_TWIN") or "lab") / "secrets"


def playbooks(settings: Settings) -> tuple[Playbook, ...]:
    """Give the playbooks people can run, by name."""
    folder = settings.home / "playbooks"
    return tuple(
        Playbook(path.stem, path, parse_summary(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("*.yml"))
    )


def find_playbook(settings: Settings, name: str) -> Playbook:
    """Give the playbook called `name`. Raises UsageError with a suggestion when there is none."""
    known = {playbook.name: playbook for playbook in playbooks(settings)}
    if name not in known:
        close = did_you_mean(name, known)
        hint = f'Did you mean "{close}"?' if close else f"Known: {', '.join(known)}."
        raise UsageError(f'there is no playbook "{name}"', where=str(settings.home / "playbooks"), hint=hint)
    return known[name]


def history(settings: Settings) -> Iterator[RunFile]:
    """Yield the provisioning runs of this installation, newest first."""
    return (file for file in list_runs(settings.state) if file.verb in (VERB, CHECK_VERB))


def find_run(settings: Settings, run_id: str) -> RunFile:
    """Give one provisioning run by a unique ending of its id. Raises UsageError when it is none."""
    file = load_run(settings.state, run_id)
    if file.verb not in (VERB, CHECK_VERB):
        raise UsageError(f"this run is a {file.verb}", where=f"run {file.run}")
    return file


def tree_hash(folder: Path) -> str:
    """Give the SHA-256 over names and contents of all files below `folder`, so that a record names what was run."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def result_of(file: RunFile) -> Mapping[str, Any]:
    """Give the result a run left; empty when it was killed before it had one."""
    return file.result

"""What a provisioning run is: the job, the events that matter, what each host came to, the conclusion. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dcops.core.exitcodes import ExitCode

# The tasks of playbooks/guards/identity.yml: the second refuses, once for all hosts; neither counts as work on a host.
GUARD_TASK = "Hosts are the enrolled ones"
GUARD_TASKS = ("Identity of the host is read", GUARD_TASK)


class Outcome(StrEnum):
    """What one task came to on one host."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"


class HostStatus(StrEnum):
    """What a run came to on one host; `unknown`: it was chosen and nothing is known of it."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Playbook:
    """A playbook people can run: `name` as typed, the file, and the first line of its comment."""

    name: str
    path: Path
    summary: str


@dataclass(frozen=True)
class Job:
    """One execution of a playbook.

    Attributes:
        inventory: the executable inventory script.
        folder: private folder of this run, for Ansible's own files.
        secrets: folder the playbooks read secrets from.
        limit: Ansible pattern, or None for all hosts.
        is_diff: show what files would become.
        environ: what the child's environment needs beside the usual.
        issuer: public key, as PEM, that must have signed the hosts' identities; empty when this host has none.
    """

    playbook: Playbook
    inventory: Path
    folder: Path
    secrets: Path
    limit: str | None = None
    is_check: bool = False
    is_diff: bool = False
    forks: int = 16
    environ: Mapping[str, str] = field(default_factory=dict)
    issuer: str = ""


@dataclass(frozen=True)
class PlayStarted:
    """A play began; `pattern` chooses its hosts."""

    name: str
    pattern: str


@dataclass(frozen=True)
class TaskStarted:
    """A task began on its first host."""

    name: str


@dataclass(frozen=True)
class Difference:
    """A file before and after, as text."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class TaskDone:
    """One task ended on one host. `changes` says what was changed, one line each, where the module tells.

    `is_hidden`: by `no_log`, so that the outcome may be a change although it says ok.
    """

    host: str
    task: str
    outcome: Outcome
    message: str = ""
    changes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    is_ignored: bool = False
    is_hidden: bool = False


@dataclass(frozen=True)
class Recap:
    """Ansible's own count at the end: host -> outcome -> how often. Its presence shows that the run came to its end."""

    counts: Mapping[str, Mapping[Outcome, int]]


Event = PlayStarted | TaskStarted | TaskDone | Recap


@dataclass(frozen=True)
class HostResult:
    """Counted task outcomes of one host; `failures` are messages, `changes` what was changed, in order."""

    name: str
    status: HostStatus
    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    ignored: int = 0
    changes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How the child ended: ansible-runner's word for it, and the last lines Ansible printed outside any task."""

    status: str
    tail: str = ""


@dataclass(frozen=True)
class Conclusion:
    """The judgement on a run: exit code, one line for people, and the hosts by name."""

    exit_code: ExitCode
    message: str
    hosts: tuple[HostResult, ...]

    @property
    def status(self) -> str:
        """The word that records use for the exit code."""
        return self.exit_code.name.lower()

    @property
    def changed(self) -> int:
        """How many task outcomes were changes, over all hosts."""
        return sum(host.changed for host in self.hosts)

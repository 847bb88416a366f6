"""Frozen types of a drill: the spec as written, what steps and probes answer, marks and figures."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from dcops.core.units import Seconds
from dcops.core.words import Environment, Frozen, Text

StepId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
RoleName = StepId
TABLETOP = "tabletop"
Uses = Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)+$")]


class Phase(StrEnum):
    """The parts of a drill, in the order in which they run."""

    GUARDS = "guards"
    STEADY_BEFORE = "steady_before"
    STEADY_DURING = "steady_during"
    INJECT = "inject"
    DETECT = "detect"
    DECLARE = "declare"
    RECOVER = "recover"
    VERIFY = "verify"
    CONTROLS = "controls"
    ROLLBACKS = "rollbacks"
    STEADY_AFTER = "steady_after"


class MarkName(StrEnum):
    """Moments of a drill; t_fault is the start of the first step whose effect is seen."""

    FAULT = "t_fault"
    DETECT = "t_detect"
    DECLARE = "t_declare"
    START = "t_start"
    DATA = "t_data"
    SERVICE = "t_service"
    VERIFIED = "t_verified"
    FAILBACK = "t_failback"


class _Written(Frozen):
    """What people write; `with` is a word of Python, so the field has an alias."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Step(_Written):
    """One action or probe as written: `uses` names an entry point, `with` holds its parameters.

    Attributes:
        needs: steps of the same phase that must have ended well before.
        mark: moment this step's end sets; of several steps the latest counts.
        delay_max: wait a random time up to this before the step, drawn from the run's seed.
        undoes: rollbacks only: run when one of these steps was started; empty means always.
        sets_up: inject only: it makes the situation the drill begins in, so `t_fault` is later.
        app: the application it recovers, one of the scope's; the scope's first one where nothing is said.
        mode: steady state only: `continuous` asks it every `every` seconds from the fault to the last control.
    """

    id: StepId
    uses: Uses
    parameters: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    needs: tuple[StepId, ...] = ()
    mark: MarkName | None = None
    delay_max: Seconds = 0.0
    timeout: Seconds | None = None
    undoes: tuple[StepId, ...] = ()
    sets_up: bool = False
    app: str | None = None
    mode: Literal["once", "continuous"] = "once"
    every: Seconds | None = None


class Control(_Written):
    """A negative control: probe `of` must fail, for reason `expect`, on what is tampered with: see tampering.py."""

    id: StepId
    of: StepId
    tamper: Literal[
        "one_row_more",
        "one_hash_changed",
        "empty_attachments",
        "error_page_200",
        "newer_than_it_is",
        "dropped_table",
        "last_hundredth_gone",
        "other_application",
        "one_line_more",
        "one_session_more",
        "one_outage_more",
        "too_few_hops",
    ]
    expect: str


class Scope(_Written):
    """What the drill is about and from where it is run: one of `app`, `device` and `upstream`.

    Marks and figures are those of `app`; for each application in `also` the time until it serves is measured beside.
    A drill about a network device or an upstream link restores no data: it has no recovery point to measure.
    """

    app: str = ""
    device: str = ""
    upstream: str = ""
    service: str = ""
    run_at: str
    from_site: str
    to_site: str
    also: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What the drill is about, in words; empty for an application, which has a field of its own."""
        return f"device {self.device}" if self.device else f"upstream {self.upstream}" if self.upstream else ""


class Window(_Written):
    """How long the drill may take, from its start to the beginning of the way back."""

    max_duration: Annotated[Seconds, Field(gt=0)]


class AbortOn(_Written):
    """What ends the drill beside an operator, who always may: it is rolled back, ABORTED.

    Attributes:
        probes: continuous probe of the steady state -> failures in a row that end the drill.
        window_end: when the window's `max_duration` is over.
    """

    probes: Mapping[StepId, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    window_end: bool = False


class Rollbacks(_Written):
    """Run always; afterwards the steady state must hold again."""

    steps: tuple[Step, ...] = ()
    settle: Seconds = 60.0


class Body(_Written):
    """The drill itself, phase by phase. Which phases it must and must not have depends on its type: see spec.py.

    `roles`: who takes part, role -> what it does; steps that ask a person ask one of them.
    """

    type: Literal["tabletop", "restore", "component", "partial-failover", "full-failover", "failback"]
    environments: tuple[Environment, ...] = Field(min_length=1)
    scope: Scope
    objectives: Literal["from-inventory"] = "from-inventory"
    roles: Mapping[RoleName, Text] = Field(default_factory=dict)
    window: Window | None = None
    abort_on: AbortOn = AbortOn()
    guards: tuple[Step, ...] = ()
    steady_state: tuple[Step, ...] = ()
    inject: tuple[Step, ...] = ()
    detect: tuple[Step, ...] = ()
    declare: tuple[Step, ...] = ()
    recover: tuple[Step, ...] = ()
    verify: tuple[Step, ...] = ()
    controls: tuple[Control, ...] = ()
    rollbacks: Rollbacks = Rollbacks()

    def phases(self) -> tuple[tuple[Phase, tuple[Step, ...]], ...]:
        """Give the steps of each phase that has steps of its own, in running order."""
        return (
            (Phase.GUARDS, self.guards),
            (Phase.STEADY_BEFORE, self.steady_state),
            (Phase.INJECT, self.inject),
            (Phase.DETECT, self.detect),
            (Phase.DECLARE, self.declare),
            (Phase.RECOVER, self.recover),
            (Phase.VERIFY, self.verify),
            (Phase.ROLLBACKS, self.rollbacks.steps),
        )


class Metadata(_Written):
    """What the drill is called and who owns it."""

    name: StepId
    title: Text
    owner: str
    version: int = Field(ge=1)
    clauses: tuple[str, ...] = ()
    runbook: str


class Drill(_Written):
    """A scenario file."""

    api_version: Literal["dcops/v1"] = Field(alias="apiVersion")
    kind: Literal["Drill"]
    metadata: Metadata
    spec: Body

    @property
    def name(self) -> str:
        """The drill's name, also its file's."""
        return self.metadata.name


class Outcome(Frozen):
    """What an action answers. `at`: when its effect was there, if that is not its end; `facts` go into the record."""

    detail: str
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    at: datetime | None = None


class Finding(Frozen):
    """What a probe answers. `is_ok` None: it could not be decided; `reason` is one word that controls compare."""

    is_ok: bool | None
    reason: str = ""
    detail: str = ""
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    at: datetime | None = None


class PointFile(Frozen):
    """One file of a recovery point: SHA-256, size, and the letter it hangs on where that is known."""

    sha256: str
    size_bytes: int


class RecoveryPoint(Frozen):
    """What can be recovered: one complete backup as its manifest tells.

    Attributes:
        run: the backup run that made it.
        snapshot_at: database time of its content; `newest`: time of its newest row.
        rows: table -> rows.
        dump_bytes, dump_sha256: of the database dump; `files`: everything beside it.
    """

    application: str
    run: str
    site: str
    environment: str
    repository_id: str
    snapshot_at: datetime
    newest: datetime | None
    rows: dict[str, int]
    dump_snapshot: str
    dump_name: str
    dump_sha256: str
    dump_bytes: int
    files_snapshot: str | None
    files: tuple[PointFile, ...]
    digest: str

    @property
    def total_bytes(self) -> int:
        """Bytes of database and files together."""
        return self.dump_bytes + sum(file.size_bytes for file in self.files)


class Announced(Frozen):
    """The sites that announce a service's address, and the routers that did not answer, each with its site."""

    sites: tuple[str, ...]
    unread: Mapping[str, str] = {}


class SiteNodes(Frozen):
    """The nodes of a site, in the order in which power comes back: nothing else works without the first two."""

    routers: tuple[str, ...]
    base: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.routers, *self.base, *self.others)


class NameAnswer(Frozen):
    """What a server answers for a name: addresses, sorted (none: no such name), and how long it may be kept."""

    addresses: tuple[str, ...]
    ttl_seconds: int


class NameMove(Frozen):
    """A name pointed at a site: its address there, the servers that took it, those that were not reached."""

    address: str
    servers: tuple[str, ...]
    unreached: tuple[str, ...]


class Attempt(Frozen):
    """One line of the outside observer's ledger."""

    at: datetime
    id: str
    is_acknowledged: bool
    site: str | None
    latency_seconds: float
    is_answered: bool = True

    @property
    def began(self) -> float:
        """When it started, seconds since 1970."""
        return self.at.timestamp() - self.latency_seconds


class Mark(Frozen):
    """A moment: UTC for people, seconds of this boot's monotonic clock for durations."""

    utc: datetime
    monotonic: float


class StepState(StrEnum):
    """How a step stands. `started` without an end means: its process died inside it."""

    STARTED = "started"
    OK = "ok"
    FAILED = "failed"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"


class StepResult(Frozen):
    """What became of one step."""

    phase: Phase
    id: str
    uses: str
    state: StepState
    detail: str = ""
    reason: str = ""
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    started: Mark
    ended: Mark | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs or when it never ended."""
        return None if self.ended is None else self.ended.monotonic - self.started.monotonic


class Verdict(StrEnum):
    """How a drill ended."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    REFUSED = "REFUSED"
    ABORTED = "ABORTED"


class Target(Frozen):
    """An objective of the inventory; `standing` is proposed, adopted or unset."""

    seconds: float | None
    standing: Literal["proposed", "adopted", "unset"]


class Recovered(Frozen):
    """Another application of the drill: seconds from the fault until it served again, and its objective."""

    app: str
    rto_service_seconds: float | None
    target: Target


class Figures(Frozen):
    """What was measured; None where it could not be."""

    rto_service_seconds: float | None = None
    rto_verified_seconds: float | None = None
    rpo_seconds: float | None = None
    lost_acknowledged: int | None = None
    restored_bytes: int | None = None
    restore_bytes_per_second: float | None = None
    observer_rto_seconds: float | None = None
    observer_gap_seconds: float | None = None
    observer_lost_acknowledged: int | None = None

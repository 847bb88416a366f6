"""Records of drills. Pure."""

from typing import ClassVar

from pydantic import Field, JsonValue

from dcops.core.words import Frozen
from dcops.records.kinds.base import Payload
from dcops.records.kinds.drill_volume import Projection, WorstPart


class DrillStep(Frozen):
    """One step of a drill as it ended."""

    phase: str
    id: str
    uses: str
    state: str
    detail: str = ""
    started_at: str
    duration_seconds: float | None = None


class RecoveredApplication(Frozen):
    """Another application the drill recovered; seconds from the fault until it served, None when it did not."""

    app: str
    rto_service_seconds: float | None = None
    rto_target_seconds: float | None = None
    target_standing: str = "unset"


class DrillResult(Payload):
    """A drill ended: verdict PASS, FAIL, INCONCLUSIVE, REFUSED or ABORTED, with the reasons.

    Attributes:
        marks: RFC 3339 times of t_fault, t_detect, t_declare, t_start, t_data, t_service, t_verified, t_failback.
        rto_verified_seconds: decides against the target; `rto_service_seconds` is held against the outside observer.
        target_standing: proposed, adopted or unset.
        observer_*: what the independent observer's ledger says, kept apart from our own figures.
        applications: the drill's other applications, each with its time until it served.
        worst_rpo_seconds: how much can be lost at worst, by the policy and the runs of late, reckoned before the fault;
            None when it is not known. `worst_rpo_parts`: by what the data comes back.
        projected_rto_seconds: estimate for production's volume, None when that is not known; `projection`: its basis.
            Neither decides the verdict; both are missing in results written before they were reckoned.
        rollback: complete, incomplete or not needed.
        subject: what a drill is about that is about no application: `device NAME`, `upstream NAME`.
        drill_type: kind of drill; empty in results written before it was recorded.
        executed: whether a recovery was begun; a refused drill was not. None in results written before it was recorded.
        is_rehearsal: true in a twin; such a result never counts as evidence that production recovers.
    """

    kind: ClassVar[str] = "drill.result"

    drill: str
    drill_version: int
    spec_sha256: str
    app: str = ""
    subject: str = ""
    drill_type: str = ""
    executed: bool | None = None
    environment: str
    is_rehearsal: bool
    verdict: str
    exit_code: int
    reasons: list[str] = Field(default_factory=list)
    marks: dict[str, str] = Field(default_factory=dict)
    rto_service_seconds: float | None = None
    rto_verified_seconds: float | None = None
    rpo_seconds: float | None = None
    rto_target_seconds: float | None = None
    rpo_target_seconds: float | None = None
    target_standing: dict[str, str] = Field(default_factory=dict)
    restored_bytes: int | None = None
    restore_bytes_per_second: float | None = None
    lost_acknowledged: int | None = None
    observer_rto_seconds: float | None = None
    observer_gap_seconds: float | None = None
    observer_lost_acknowledged: int | None = None
    worst_rpo_seconds: float | None = None
    worst_rpo_parts: list[WorstPart] = Field(default_factory=list)
    projected_rto_seconds: float | None = None
    projection: Projection | None = None
    recovery_point: dict[str, JsonValue] = Field(default_factory=dict)
    seed: int | None = None
    rollback: str = ""
    applications: list[RecoveredApplication] = Field(default_factory=list)
    steps: list[DrillStep] = Field(default_factory=list)
    duration_seconds: float = 0.0


class DrillAnswer(Payload):
    """A person answered what a drill asked; `person` as they say, the record's actor as the system knows them."""

    kind: ClassVar[str] = "drill.answer"

    drill: str
    step: str
    is_done: bool
    note: str = ""
    person: str = ""
    at: str


class DrillEvidence(Payload):
    """A run's evidence was written into a bundle, or sealed later.

    Attributes:
        evidence_of: the drill's run.
        file: where the bundle was written on this host.
        time_stamp: class of its time stamp: none, self, independent; `authority` by its name in the inventory.
        gap: why no authority sealed it although the inventory names one; empty otherwise. Two people review it.
    """

    kind: ClassVar[str] = "drill.evidence"

    drill: str
    evidence_of: str
    file: str
    bundle_sha256: str
    time_stamp: str
    authority: str = ""
    stamped_at: str | None = None
    gap: str = ""


KINDS: tuple[type[Payload], ...] = (DrillResult, DrillAnswer, DrillEvidence)

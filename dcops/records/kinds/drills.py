"""Records of drills. Pure."""

from typing import ClassVar

from pydantic import Field, JsonValue

from dcops.core.words import Frozen
from dcops.records.kinds.base import Payload


class Objective(Frozen):
    """A target and what was measured against it; `standing` is proposed, adopted or unset."""

    name: str
    measured_seconds: float | None
    target_seconds: float | None
    standing: str
    status: str


class DrillResult(Payload):
    """A drill ended: verdict PASS, FAIL, INCONCLUSIVE, REFUSED or ABORTED, with the reasons.

    `marks` are RFC 3339 times (t_fault, t_detect, t_start, t_data, t_service, t_verified, ...); `observer` is what the
    independent observer's ledger says, kept apart from our own figures.
    """

    kind: ClassVar[str] = "drill.result"

    drill: str
    spec_sha256: str
    app: str = ""
    verdict: str
    reasons: list[str] = Field(default_factory=list)
    marks: dict[str, str] = Field(default_factory=dict)
    rto_service_seconds: float | None = None
    rto_verified_seconds: float | None = None
    rpo_seconds: float | None = None
    restored_bytes: int | None = None
    lost_acknowledged: int | None = None
    objectives: list[Objective] = Field(default_factory=list)
    observer: dict[str, JsonValue] = Field(default_factory=dict)
    rollback: str = ""
    duration_seconds: float = 0.0


KINDS: tuple[type[Payload], ...] = (DrillResult,)

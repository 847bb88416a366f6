"""Parts of a run as its record holds them. Pure."""

from dcops.core.clock import rfc3339
from dcops.drills.model import Recovered, RecoveryPoint, StepResult
from dcops.records.kinds.drills import DrillStep, RecoveredApplication


def application_as_recorded(other: Recovered) -> RecoveredApplication:
    """Give what a result tells of another application of the drill."""
    return RecoveredApplication(
        app=other.app,
        rto_service_seconds=other.rto_service_seconds,
        rto_target_seconds=other.target.seconds,
        target_standing=other.target.standing,
    )


def point_as_recorded(point: RecoveryPoint | None) -> dict[str, object]:
    """Give what a result tells of the recovery point: identity and sizes, no list of files."""
    if point is None:
        return {}
    return {
        "backup_run": point.run,
        "site": point.site,
        "environment": point.environment,
        "repository_id": point.repository_id,
        "snapshot_at": rfc3339(point.snapshot_at),
        "rows": dict(point.rows),
        "files": len(point.files),
        "bytes": point.total_bytes,
        "manifest_sha256": point.digest,
    }


def step_as_recorded(result: StepResult) -> DrillStep:
    """Give what a result tells of a step: no facts, they can hold names and rows of people."""
    seconds = result.seconds
    return DrillStep(
        phase=result.phase.value,
        id=result.id,
        uses=result.uses,
        state=result.state.value,
        detail=result.detail,
        started_at=rfc3339(result.started.utc),
        duration_seconds=None if seconds is None else round(seconds, 3),
    )

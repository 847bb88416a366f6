"""The off-site copy: is there a complete one, young enough, from this environment."""

from dcops.core.clock import utc_now
from dcops.core.units import Seconds, format_duration
from dcops.core.words import Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding


class Age(Frozen):
    """How old the newest complete set may be."""

    max: Seconds


def _fresh(context: DrillContext, parameters: Age) -> Finding:
    """Choose the newest complete set as this run's recovery point and judge its age."""
    point = context.recovery.newest(context.scope.app)
    if point is None:
        return Finding(is_ok=False, reason="no_backup", detail="the off-site repository holds no complete backup")
    if point.environment != context.environment.value:
        detail = f"the newest backup was made in {point.environment}, this is {context.environment.value}"
        return Finding(is_ok=False, reason="other_environment", detail=detail)
    age = (utc_now() - point.snapshot_at).total_seconds()
    facts = {"backup_run": point.run, "age_seconds": round(age, 3), "manifest_sha256": point.digest}
    if age > parameters.max:
        detail = f"the newest complete backup is {format_duration(age)} old, at most {format_duration(parameters.max)}"
        return Finding(is_ok=False, reason="too_old", detail=detail, facts=facts)
    context.point = point
    detail = f"run {point.run}, {format_duration(age)} old, {point.total_bytes} bytes"
    return Finding(is_ok=True, detail=detail, facts=facts)


FRESH = Probe("backup.fresh", "A complete off-site backup, young enough; it becomes the recovery point", Age, _fresh)

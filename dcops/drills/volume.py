"""What a recovery would take at production's volume, and how much can be lost at worst. Pure arithmetic.

Neither is measured: an estimate stands beside the measured figure, with what it is reckoned from, and decides nothing.
"""

from collections.abc import Mapping, Sequence

from dcops.core.units import format_duration, format_size
from dcops.core.words import Frozen
from dcops.drills.measure import between
from dcops.drills.model import Figures, Mark, MarkName, Phase, Step, StepResult, StepState
from dcops.records.kinds.drill_volume import Projection, RestoredPart, WorstPart

# Fact of a step that restores -> the part of an application, and the facts that may tell how long it took.
_PARTS = {
    "database_bytes": ("database", ("load_seconds", "restore_seconds")),
    "files_bytes": ("files", ("files_seconds",)),
}


class ProductionVolume(Frozen):
    """How much data of an application production holds; `standing`: proposed, adopted or unset."""

    database_bytes: int | None = None
    files_bytes: int | None = None
    standing: str = "unset"

    def of(self, part: str) -> int | None:
        """Give the bytes of `database` or `files`."""
        return self.database_bytes if part == "database" else self.files_bytes


def restored_parts(
    steps: Sequence[Step], results: Sequence[StepResult], first: str, volumes: Mapping[str, ProductionVolume]
) -> list[RestoredPart]:
    """Give what the steps of the recovery restored, in their order.

    Args:
        first: the application of a step that names none.
        volumes: application -> how much production holds.
    """
    apps = {step.id: step.app or first for step in steps}
    found = []
    for each in results:
        if each.phase is not Phase.RECOVER or each.state is not StepState.OK:
            continue
        app = apps.get(each.id, first)
        for fact, (part, seconds) in _PARTS.items():
            if not isinstance(size := each.facts.get(fact), int):
                continue
            took = next((float(str(each.facts[name])) for name in seconds if name in each.facts), None)
            production = volumes.get(app, ProductionVolume()).of(part)
            found.append(
                RestoredPart(app=app, part=part, restored_bytes=size, seconds=took, production_bytes=production)
            )
    return found


def project(
    parts: Sequence[RestoredPart],
    measured: Figures,
    marks: Mapping[MarkName, Mark],
    volumes: Mapping[str, ProductionVolume],
) -> Projection | None:
    """Reckon the recovery at production's volume; None where nothing was restored.

    The restore takes as long as the slowest of these says: everything at the rate of everything together, and each
    part at its own. What else was measured (to see the loss, to declare, to start, to verify) is taken as it was.
    """
    took = between(marks, MarkName.START, MarkName.DATA)
    if not parts or not measured.restored_bytes:
        return None
    missing = any(part.production_bytes is None for part in parts)
    known = Projection(parts=list(parts), standing="unset" if missing else _standing(parts, volumes))
    if missing or not took or measured.rto_verified_seconds is None:
        return known
    production = sum(part.production_bytes or 0 for part in parts)
    limits = {"all": production * took / measured.restored_bytes}
    for part in parts:
        if part.seconds and part.restored_bytes and part.production_bytes is not None:
            at_own_rate = part.production_bytes * part.seconds / part.restored_bytes
            limits[part.part] = max(limits.get(part.part, 0.0), at_own_rate)
    limit = max(limits, key=lambda name: limits[name])
    fixed = max(0.0, measured.rto_verified_seconds - took)
    update = {
        "production_bytes": production,
        "factor": round(production / measured.restored_bytes, 2),
        "fixed_seconds": round(fixed, 3),
        "data_seconds": round(limits[limit], 3),
        "limit": limit,
        "rto_seconds": round(fixed + limits[limit], 3),
    }
    return known.model_copy(update=update)


def _standing(parts: Sequence[RestoredPart], volumes: Mapping[str, ProductionVolume]) -> str:
    standings = {volumes[part.app].standing for part in parts}
    return "adopted" if standings == {"adopted"} else "proposed"


def worst_seconds(parts: Sequence[WorstPart]) -> float | None:
    """Give the longest span that can be lost; None when one part's is not known, or there is none."""
    known = [part.seconds for part in parts if part.seconds is not None]
    return max(known) if parts and len(known) == len(parts) else None


def tell_worst(part: WorstPart) -> str:
    """Say how a part's worst case comes about, for a terminal."""
    if part.seconds is None:
        return f"{part.source}: unknown, {part.why}"
    if part.source != "backup":
        return f"{part.source}: {format_duration(part.seconds)}"
    pieces = (("every", part.interval_seconds), ("longest run", part.duration_seconds), ("copy", part.copy_seconds))
    told = " + ".join(f"{name} {format_duration(value)}" for name, value in pieces if value is not None)
    return f"{part.source}: {told}"


def tell_projection(projection: Projection) -> str:
    """Say what an estimate is reckoned from, for a terminal."""
    if projection.rto_seconds is None or projection.production_bytes is None:
        lacking = [f"{p.app} {p.part}" for p in projection.parts if p.production_bytes is None]
        if lacking:
            return f"unknown: the inventory gives no production volume (data_volume) of {', '.join(lacking)}"
        return "unknown: the recovery was not measured to its end"
    fixed, data = projection.fixed_seconds or 0.0, projection.data_seconds or 0.0
    rate = "of all together" if projection.limit == "all" else f"of the {projection.limit}"
    return (
        f"estimate: {format_duration(fixed)} measured beside the restore + {format_duration(data)} for "
        f"{format_size(projection.production_bytes)} ({projection.standing}, {projection.factor:,g} times what was "
        f"restored) at the rate {rate}"
    )

"""A drill's result as text for a terminal. Pure; the page for auditors is page.py."""

from collections.abc import Iterator

from dcops.core.units import format_duration, format_size
from dcops.drills.volume import tell_projection, tell_worst
from dcops.records.kinds.drills import DrillResult

_REHEARSAL = "GLADI / REHEARSAL: made in a twin; it never counts as evidence that production recovers."
_TABLETOP = "TABLETOP / LATIHAN MEJA: people said what they would do; nothing was recovered, so nothing was executed."
_MARKS = {
    "t_fault": "the fault begins: start of the step that caused it",
    "t_detect": "our probe has seen the service fail twice in a row",
    "t_declare": "the disaster is declared",
    "t_start": "the recovery begins",
    "t_data": "database and files are restored",
    "t_service": "the service answers from the recovery site",
    "t_verified": "what was recovered has been held against the backup's manifest",
    "t_failback": "rolled back, steady state holds again",
}


def figures_of(result: DrillResult) -> Iterator[tuple[str, str, str]]:
    """Give each figure: its name, its value, and where it comes from."""
    rto, rpo = result.rto_target_seconds, result.rpo_target_seconds
    yield (
        "RTO, service",
        _seconds(result.rto_service_seconds),
        "t_service - t_fault, by our probe at the service address",
    )
    yield (
        "RTO, observer",
        _seconds(result.observer_rto_seconds),
        ("first letter acknowledged at the recovery site - t_fault, by the observer's own ledger"),
    )
    yield (
        "gap, observer",
        _seconds(result.observer_gap_seconds),
        "as its clients waited: first failing attempt to first answer",
    )
    yield (
        "RTO, verified",
        _seconds(result.rto_verified_seconds),
        (f"t_verified - t_fault; decides against the {_standing(result, 'rto')} target {_seconds(rto)}"),
    )
    yield (
        "RPO",
        _seconds(result.rpo_seconds),
        (f"t_fault - time of the newest recovered letter; {_standing(result, 'rpo')} target {_seconds(rpo)}"),
    )
    if result.worst_rpo_parts:
        told = "; ".join(tell_worst(part) for part in result.worst_rpo_parts)
        yield "RPO, worst case", _seconds(result.worst_rpo_seconds), f"not measured: {told}"
    yield (
        "lost, database",
        _count(result.lost_acknowledged),
        "letters the observer holds acknowledged, missing in the database",
    )
    yield (
        "lost, observer",
        _count(result.observer_lost_acknowledged),
        "the same, as the observer finds by asking for each letter",
    )
    size = None if result.restored_bytes is None else format_size(result.restored_bytes)
    yield "restored", size or "-", "database dump and files as the manifest lists them, each byte hashed"
    rate = result.restore_bytes_per_second
    yield "rate", "-" if rate is None else f"{rate / 1e6:.1f} MB/s", "restored bytes / (t_data - t_start)"
    if result.projection is not None:
        yield "RTO, projected", _seconds(result.projected_rto_seconds), tell_projection(result.projection)


def _seconds(value: float | None) -> str:
    return "-" if value is None else format_duration(value)


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _standing(result: DrillResult, name: str) -> str:
    return result.target_standing.get(name, "unset")


def render_text(result: DrillResult, run: str) -> str:
    """Give the report for a terminal."""
    lines = [f"{result.drill} version {result.drill_version}, run {run}: {result.verdict}"]
    if result.is_rehearsal:
        lines.append(_REHEARSAL)
    if result.drill_type == "tabletop":
        lines.append(_TABLETOP)
    lines += [f"  reason: {reason}" for reason in result.reasons]
    about = result.subject or f"application {result.app}"
    lines.append(f"environment {result.environment}, {about}, rollback: {result.rollback}")
    proposed = sorted(name for name, standing in result.target_standing.items() if standing == "proposed")
    if proposed:
        lines.append(f"target proposed, adopted by nobody yet: {', '.join(proposed)}")
    lines += ["", *(f"{name:<15} {value:>12}  {source}" for name, value, source in figures_of(result))]
    lines += [
        f"{each.app}: served again after {_seconds(each.rto_service_seconds)}; "
        f"{each.target_standing} target {_seconds(each.rto_target_seconds)}"
        for each in result.applications
    ]
    if result.marks:
        lines += ["", *(f"{name:<12} {at}  {_MARKS.get(name, '')}" for name, at in _in_order(result))]
    lines.append("")
    lines += [
        f"{step.phase:<14} {step.id:<18} {step.state:<10} {_seconds(step.duration_seconds):>12}  {step.detail}"
        for step in result.steps
    ]
    lines += ["", *_point_lines(result)] if result.recovery_point else []
    lines.append(f"spec sha256 {result.spec_sha256[:16]}, seed {result.seed}")
    return "\n".join(lines)


def _point_lines(result: DrillResult) -> Iterator[str]:
    point = result.recovery_point
    yield f"recovery point: backup run {point.get('backup_run', '-')}, database as of {point.get('snapshot_at', '-')}"
    rows, manifest = point.get("rows", "-"), str(point.get("manifest_sha256", "-"))[:16]
    yield f"{point.get('files', '-')} files, rows {rows}, manifest {manifest}"


def _in_order(result: DrillResult) -> list[tuple[str, str]]:
    return sorted(result.marks.items(), key=lambda item: item[1])

"""A drill's result as text and as a page with its timeline. Pure: the same result gives the same bytes."""

from collections.abc import Iterator
from datetime import datetime
from html import escape

from dcops.core.units import format_duration, format_size
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
    lines.append(f"environment {result.environment}, application {result.app}, rollback: {result.rollback}")
    if "proposed" in result.target_standing.values():
        lines.append("targets are proposed: nobody has adopted them yet")
    lines += ["", *(f"{name:<15} {value:>12}  {source}" for name, value, source in figures_of(result))]
    if result.marks:
        lines += ["", *(f"{name:<12} {at}  {_MARKS.get(name, '')}" for name, at in _in_order(result))]
    lines.append("")
    lines += [
        f"{step.phase:<14} {step.id:<18} {step.state:<10} {_seconds(step.duration_seconds):>12}  {step.detail}"
        for step in result.steps
    ]
    point = result.recovery_point
    if point:
        lines.append("")
        lines.append(f"recovery point: backup run {point['backup_run']}, database as of {point['snapshot_at']}")
        lines.append(f"{point['files']} files, rows {point['rows']}, manifest {str(point['manifest_sha256'])[:16]}")
    lines.append(f"spec sha256 {result.spec_sha256[:16]}, seed {result.seed}")
    return "\n".join(lines)


def _in_order(result: DrillResult) -> list[tuple[str, str]]:
    return sorted(result.marks.items(), key=lambda item: item[1])


def render_html(result: DrillResult, run: str) -> str:
    """Give the report as one page without anything from outside."""
    rehearsal = f'<p class="gladi">{escape(_REHEARSAL)}</p>' if result.is_rehearsal else ""
    if result.drill_type == "tabletop":
        rehearsal += f'<p class="gladi">{escape(_TABLETOP)}</p>'
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in result.reasons)
    figures = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td><td>{escape(source)}</td></tr>"
        for name, value, source in figures_of(result)
    )
    steps = "".join(
        f"<tr><td>{escape(step.phase)}</td><td>{escape(step.id)}</td><td>{escape(step.state)}</td>"
        f"<td>{_seconds(step.duration_seconds)}</td><td>{escape(step.detail)}</td></tr>"
        for step in result.steps
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{escape(result.drill)} {escape(result.verdict)}</title>
<style>body{{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.2em .6em;border-bottom:1px solid #ddd}}
.gladi{{background:#fff3cd;padding:.6em}}.verdict{{font-size:1.4em}}</style>
<h1>{escape(result.drill)}, version {result.drill_version}</h1>{rehearsal}
<p class="verdict">{escape(result.verdict)}</p><ul>{reasons}</ul>
<p>Run {escape(run)}, environment {escape(result.environment)}, application {escape(result.app)}.
Rollback: {escape(result.rollback)}.</p>
{render_timeline(result)}
<table>{figures}</table>
<h2>Steps</h2><table>{steps}</table>
<p>Spec SHA-256 {escape(result.spec_sha256)}, seed {result.seed}.</p></html>
"""


def render_timeline(result: DrillResult) -> str:
    """Give an SVG: each step a bar on its own line, each mark a line across; seconds since the fault."""
    steps = [step for step in result.steps if step.duration_seconds is not None]
    fault = result.marks.get("t_fault")
    if not steps or fault is None:
        return ""
    zero = datetime.fromisoformat(fault)
    bars = [((datetime.fromisoformat(step.started_at) - zero).total_seconds(), step) for step in steps]
    first = min(start for start, _ in bars)
    last = max(start + (step.duration_seconds or 0.0) for start, step in bars)
    scale = 700 / max(last - first, 0.001)
    height = 16 * len(bars) + 40
    parts = [f'<svg viewBox="0 0 1000 {height}" role="img" aria-label="timeline" font-size="10">']
    for line, (start, step) in enumerate(bars):
        x, width = 250 + (start - first) * scale, max(1.0, (step.duration_seconds or 0.0) * scale)
        colour = {"ok": "#2b8a3e", "failed": "#c92a2a"}.get(step.state, "#868e96")
        parts.append(f'<text x="5" y="{line * 16 + 30}">{escape(step.phase)} {escape(step.id)}</text>')
        parts.append(f'<rect x="{x:.1f}" y="{line * 16 + 21}" width="{width:.1f}" height="11" fill="{colour}"/>')
    for name, at in _in_order(result):
        seconds = (datetime.fromisoformat(at) - zero).total_seconds()
        x = 250 + (seconds - first) * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="14" y2="{height}" stroke="#1c7ed6" stroke-width=".7"/>')
        parts.append(f'<text x="{x + 2:.1f}" y="11" fill="#1c7ed6">{escape(name)} {seconds:.1f}</text>')
    return "".join([*parts, "</svg>"])

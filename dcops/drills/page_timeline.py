"""A drill's result as a timeline: steps by phase, marks, and the stretches RTO and RPO. Pure."""

from collections.abc import Iterator
from functools import partial

from dcops.core.clock import parse_rfc3339
from dcops.records.kinds.drills import DrillResult
from dcops.reports import formats
from dcops.reports.language import Catalogue
from dcops.reports.timeline import Bar, Mark, Span, Timeline


def timeline_of(result: DrillResult, run: str, say: Catalogue) -> Timeline | None:
    """Give the timeline, zero at t_fault, else at the first step's start; None when no step took any time."""
    timed = [step for step in result.steps if step.duration_seconds is not None]
    if not timed:
        return None
    fault = result.marks.get("t_fault")
    zero = parse_rfc3339(fault) if fault else min(parse_rfc3339(step.started_at) for step in timed)

    def since(at: str) -> float:
        return (parse_rfc3339(at) - zero).total_seconds()

    write = partial(formats.duration, language=say.language)
    marks = sorted(((name, since(at)) for name, at in result.marks.items()), key=lambda item: item[1])
    bars = [
        Bar(say.known(f"phase.{s.phase}", s.phase), s.id, since(s.started_at), s.duration_seconds or 0.0, s.state)
        for s in result.steps
    ]
    states = dict.fromkeys(step.state for step in result.steps)
    return Timeline(
        title=say("page.timeline_of", drill=result.drill, run=run),
        bars=bars,
        marks=[Mark(f"{name} {write(at)}", at) for name, at in marks],
        spans=list(_spans(result, dict(marks), say)),
        duration=write,
        tick=partial(formats.whole, language=say.language),
        legend={state: say.known(f"state.{state}", state) for state in states},
        axis=say("page.axis" if fault else "page.axis_start"),
    )


def _spans(result: DrillResult, marks: dict[str, float], say: Catalogue) -> Iterator[Span]:
    """Give RTO of the service, RTO verified and RPO, each only where it was measured."""
    write = partial(formats.duration, language=say.language)
    if "t_fault" not in marks:
        return
    if result.rpo_seconds is not None:
        yield Span(f"{say('figure.rpo')} {write(result.rpo_seconds)}", -result.rpo_seconds, 0.0)
    for name, mark, value in (
        ("rto_service", "t_service", result.rto_service_seconds),
        ("rto_verified", "t_verified", result.rto_verified_seconds),
    ):
        if mark in marks and value is not None:
            yield Span(f"{say(f'figure.{name}')} {write(value)}", 0.0, marks[mark])

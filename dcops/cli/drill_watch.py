"""`dcops drill watch`: what a run says of itself while it runs, from its events on disk."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.clock import sleep
from dcops.core.errors import UsageError
from dcops.core.units import format_duration

if TYPE_CHECKING:
    from dcops.runs.events import Event

_POLL_SECONDS = 0.5
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")]


def watch(run_id: RunArgument, inventory: InventoryOption = None, as_json: JsonOption = False) -> None:
    """Follow a run's events until it ends; one that has ended is told from its beginning.

    It reads the events on disk and nothing else, so watching, or ending it, never touches the run. With --json each
    event is one JSON document on a line of its own.

    \b
    Examples:
      dcops drill watch 5NBK7
      dcops drill watch 5NBK7 --json | jq .event
    """
    from dcops.cli.drill import open_drills_here

    out = Out(as_json=as_json)
    for event in follow(open_drills_here(inventory).settings.state, run_id):
        if as_json:
            typer.echo(json.dumps({"at": event.at, "event": event.name, **event.fields}, ensure_ascii=False))
        else:
            out.line(line_of(event))


def follow(state: Path, run_id: str, pause: Callable[[float], None] = sleep) -> Iterator["Event"]:
    """Give a run's events as they come, until its process has ended. Raises UsageError unless that is one drill's."""
    from dcops.runs.model import RunStatus
    from dcops.runs.run import load_run, run_events

    told = 0
    while True:
        file = load_run(state, run_id)  # before its events are read: what it writes at its end is not missed
        if not file.verb.startswith("drill "):
            hint = "Runs of drills: dcops drill history."
            raise UsageError(f"the run is no drill but {file.verb}", where=f"run {file.run}", hint=hint)
        events = run_events(state, file.run)
        yield from events[told:]
        told = len(events)
        if file.status is not RunStatus.RUNNING:
            return
        pause(_POLL_SECONDS)


def line_of(event: "Event") -> str:
    """Give one event as a line for a person."""
    fields = event.fields
    moment = event.at[11:19]
    if event.name == "step.ended":
        began, ended = fields.get("started_monotonic"), fields.get("monotonic")
        took = "" if began is None or ended is None else f" ({format_duration(ended - began)})"
        return (
            f"{moment}  {fields['phase']}  {fields['id']}: {fields['state']}{took}  {fields.get('detail', '')}".rstrip()
        )
    if event.name == "step.started":
        return f"{moment}  {fields['phase']}  {fields['id']}: {fields['uses']}"
    if event.name == "mark":
        return f"{moment}  {fields['mark']}  {fields['at_utc']}"
    if event.name in ("steady.failed", "steady.again"):
        return f"{moment}  {event.name}  {fields['id']}: {fields.get('detail', '')}".rstrip()
    if event.name == "drill.aborting":
        return f"{moment}  stopped by {fields['reason']}"
    if event.name == "declaration.asked":
        return f"{moment}  two signatures are asked for: {fields['declaration']['text']['en']}"
    if event.name == "person.asked":
        return f"{moment}  asked  {fields['id']}: {fields['role']}: {fields['text']['en']}"
    if event.name == "drill.ended":
        reasons = "; ".join(fields.get("reasons", []))
        return f"{moment}  {fields['verdict']}  {reasons or 'no reason against it'}  rollback: {fields['rollback']}"
    return f"{moment}  {event.name}"

"""`dcops drill calendar`: when each drill is due next."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out

_ZONE = ZoneInfo("Asia/Jakarta")


def calendar(
    ics: Annotated[
        Path | None, typer.Option("--ics", metavar="FILE", help="Write an iCalendar file (RFC 5545) to subscribe to.")
    ] = None,
    year: Annotated[
        int | None, typer.Option("--year", metavar="YEAR", min=2000, max=2100, help="Every time in this year.")
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show when each drill is due next: newest result that counts, the policy's age, the first window for drills.

    A drill that was never held is due now. In a lab its own rehearsals count, and the events say so; in production no
    rehearsal does. In the file an event keeps its UID, so that a later file moves it. An interval nobody has adopted
    makes a tentative event. Times of the table are those of Jakarta.

    \b
    Examples:
      dcops drill calendar
      dcops drill calendar --year 2027 --ics drills.ics
    """
    from dcops.cli.drill import open_drills_here
    from dcops.core.files import write_atomic
    from dcops.core.words import Environment
    from dcops.drills.ical import render_ical
    from dcops.wiring.drill_calendar import plan_calendar

    out = Out(as_json=as_json)
    drills = open_drills_here(inventory)
    found = plan_calendar(drills, year)
    for text in (*(f"left out: {each}" for each in found.left_out), *(f"warning: {each}" for each in found.problems)):
        out.note(text)
    if ics is not None:
        is_rehearsal = Environment(drills.inventory.environment).is_rehearsal
        text = render_ical(found.planned, inventory=drills.inventory.name, is_rehearsal=is_rehearsal, now=found.now)
        write_atomic(ics, text)
        out.note(f"written: {ics}")
    if as_json:
        out.json({"drills": found.planned, "left_out": found.left_out, "problems": found.problems})
        return
    rows = [
        (each.drill, each.drill_type, each.status.value, _day(each.last), _day(each.due_at), _day(each.overdue_at),
         _time(each.begin), each.reason)
        for each in found.planned
    ]  # fmt: skip
    out.table(rows, ("drill", "type", "status", "last", "due", "overdue from", "planned for", "why"))


def _day(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(_ZONE):%Y-%m-%d}" if moment else None


def _time(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(_ZONE):%Y-%m-%d %H:%M}" if moment else None

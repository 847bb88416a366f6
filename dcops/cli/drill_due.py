"""`dcops drill due`: which applications must be drilled, by what was executed where it counts."""

from dcops.cli.common import InventoryOption, JsonOption, Out, reading_inventory
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.words import Status


def due(inventory: InventoryOption = None, as_json: JsonOption = False) -> int:
    """Show which critical applications are due for a drill: the procedures of a recovery centre must be tested.

    Only a drill counts that was executed at the recovery site or in production, passed, and recovered a service. What
    passed in a twin is shown beside it and never counts; a restore drill or a tabletop recovers no service. Read from
    the journals here and those handed over.

    Exit code 14 when an application is overdue or was never drilled, or when nobody said how often.

    \b
    Examples:
      dcops drill due
      dcops drill due --json
    """
    from dcops.wiring.drills_due import drills_due

    out, settings = Out(as_json=as_json), Settings.load()
    found, problems = drills_due(settings, reading_inventory(settings, inventory))
    for problem in problems:
        out.note(f"warning: {problem}")
    if as_json:
        out.json({"applications": found, "problems": problems})
    else:
        rows = [
            (
                each.application,
                each.status.value,
                each.reason,
                each.drill or None,
                _day(each.due_at),
                _day(each.rehearsed),
            )
            for each in found
        ]
        out.table(rows, ("app", "status", "why", "drill", "overdue from", "rehearsed"))
    is_broken = any(each.status in (Status.FAIL, Status.UNKNOWN) for each in found)
    return int(ExitCode.POLICY_BROKEN if is_broken else ExitCode.DONE)


def _day(moment: object) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None

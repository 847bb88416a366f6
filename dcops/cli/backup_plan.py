"""`dcops backup plan`, and what `dcops backup run --due` takes: which backups are due, and whether schedules fit."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, reading_inventory
from dcops.core.errors import DcopsError
from dcops.core.exitcodes import ExitCode, worst
from dcops.core.settings import Settings
from dcops.core.words import Status

if TYPE_CHECKING:
    from dcops.backup.due import Due

_AppOption = Annotated[str | None, typer.Option("--app", metavar="KEY", help="Only this application.")]


def plan(
    application: _AppOption = None,
    inventory: InventoryOption = None,
    check: Annotated[
        bool, typer.Option("--check", "-C", help="Exit 14 unless every schedule is known to keep its objective.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Show what would run: sources, repository, last success, whether a backup is due, and why.

    The last column holds interval + the longest of the last seven runs against the inventory's recovery point
    objective: a schedule that cannot keep it is a broken policy. Read from the journals; no repository is asked.

    \b
    Examples:
      dcops backup plan
      dcops backup plan --check --json
    """
    from dcops.wiring.backup_due import due_backups

    out, settings = Out(as_json=as_json), Settings.load()
    found = due_backups(settings, reading_inventory(settings, inventory), application)
    if as_json:
        out.json({"applications": found})
    else:
        out.table([_row(each) for each in found], ("app", "sources", "repository", "last", "due", "why", "objective"))
    is_broken = any(each.exposure.status is not Status.PASS for each in found)
    return int(ExitCode.POLICY_BROKEN if check and is_broken else ExitCode.DONE)


def _row(each: "Due") -> tuple[Any, ...]:
    last = f"{each.last_success:%Y-%m-%d %H:%M} UTC" if each.last_success else None
    judged = f"{each.exposure.status.value}: {each.exposure.reason}"
    due = "yes" if each.is_due else "no"
    return each.application, ", ".join(each.sources), each.repository, last, due, each.reason, judged


def run_due(
    out: Out, inventory: str, application: str | None, run_one: Callable[[str], dict[str, Any]], *, is_check: bool
) -> int:
    """Run each backup that is due, one after the other; one failure never stops the next. Give the worst exit code."""
    from dcops.wiring.backup_due import due_backups

    results: list[dict[str, Any]] = []
    for each in due_backups(Settings.load(), inventory, application):
        result: dict[str, Any] = {"application": each.application, "reason": each.reason}
        if not each.is_due:
            result |= {"status": "not due", "exit_code": 0}
        elif is_check:
            result |= {"status": "due", "exit_code": int(ExitCode.DIFFERENCES)}
        else:
            result |= _attempt(each.application, run_one)
            if result["exit_code"] == ExitCode.INTERRUPTED:
                results.append(result)
                break
        results.append(result)
    if out.as_json:
        out.json({"applications": results})
    else:
        rows = [(each["application"], each["status"], each.get("error") or each["reason"]) for each in results]
        out.table(rows, ("app", "result", "why"))
    return int(worst(each["exit_code"] for each in results))


def _attempt(application: str, run_one: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"status": "done", "exit_code": 0, **run_one(application)}
    except DcopsError as error:
        return {"status": "failed", "exit_code": int(error.exit_code), "error": str(error)}

"""`dcops backup copy`: a complete set into a second repository, with a key of its own."""

from typing import Annotated, Any

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, writing_inventory
from dcops.core.errors import DcopsError
from dcops.core.exitcodes import ExitCode, worst
from dcops.core.settings import Settings
from dcops.core.units import format_duration


def copy(
    wanted: Annotated[str, typer.Argument(metavar="RUN|latest", help="latest, or the end of a run id.")] = "latest",
    to: Annotated[
        str | None, typer.Option("--to", metavar="REPO", help="Repository of the policy's copies; all when left out.")
    ] = None,
    application: Annotated[
        str | None, typer.Option("--app", metavar="KEY", help="Application; not needed with one policy only.")
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Copy a complete set to the other repositories of the policy, and look whether every snapshot is there.

    Each repository has its own key and account. A set that is there already is found and recorded again, nothing is
    added. One repository's failure does not stop the next. Every copy, good or bad, is a record `backup.copy`.

    Exit codes: 5 a server does not answer, 7 not the enrolled repository, 10 repository missing, 11 locked,
    12 wrong key, 13 damaged, or not there after the copy.

    \b
    Examples:
      dcops backup copy
      dcops backup copy 9DYV --to jkt-svc1-jkt --app naskah_dinas_elektronik
    """
    from dcops.wiring.backup import open_backup
    from dcops.wiring.backup_copy import copy_set, targets_of

    out, settings = Out(as_json=as_json), Settings.load()
    backup = open_backup(settings, writing_inventory(settings, inventory), application, writing="backup copy")
    rows: list[dict[str, Any]] = []
    errors: list[DcopsError] = []
    with out.progress("copy") as report, backup.run("backup copy") as running:
        for target in targets_of(backup, to):
            try:
                made = copy_set(backup, target, wanted, running.run_id, report)
                rows.append({"repository": target.name, "status": "done", "record": made, "error": ""})
            except DcopsError as error:
                errors.append(error)
                rows.append({"repository": target.name, "status": "failed", "record": None, "error": str(error)})
        if errors and len(rows) == 1:
            raise errors[0]
        code = int(worst(error.exit_code for error in errors) if errors else ExitCode.DONE)
        copied = [each["repository"] for each in rows if each["status"] == "done"]
        running.finish({"copies": copied}, exit_code=code)
    warnings = backup.hand_over()
    for text in warnings:
        out.note(f"warning: {text}")
    lines = [_line(each) for each in rows]
    out.result({"copies": rows, "warnings": warnings}, "\n".join(lines))
    return code


def _line(row: dict[str, Any]) -> str:
    made = row["record"]
    if made is None:
        return f"{row['repository']}: {row['error']}"
    return (
        f"{row['repository']}: {len(made.snapshots)} snapshots of set {made.run} are there, "
        f"{format_duration(made.duration_seconds)}"
    )

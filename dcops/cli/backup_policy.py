"""`dcops backup policy`: does each application have the copies that the policy asks for, and what shows it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, reading_inventory, writing_inventory
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings

if TYPE_CHECKING:
    from dcops.backup.copies import Judged

_AppOption = Annotated[str | None, typer.Option("--app", metavar="KEY", help="Only this application.")]


def policy(
    application: _AppOption = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="First look at the hosts of the copies, over SSH, and record it.")
    ] = False,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Hold each application against 3-2-1-1-0: copies, media, off-site, append-only, none untested.

    Computed from the inventory's places and custody, and from the receipts and verifications in the journals here.
    Production counts as one copy, a replica as none. `declared` holds by the word of the inventory alone, `unknown` is
    never ok. No repository is asked.

    With --observe the hosts of production data and copies are looked at first: machine-id, file system, and the site in
    their signed identity. A retention host, which lets nobody in, looks at itself (`dcops backup retention plan`).

    Exit code 14 when a line of an application that is hosted here fails or is unknown.

    \b
    Examples:
      dcops backup policy
      dcops backup policy --observe
      dcops backup policy --app naskah_dinas_elektronik --json
    """
    from dcops.wiring.backup_policy import judge_copies, observe_places

    out, settings = Out(as_json=as_json), Settings.load()
    if observe:
        for text in observe_places(settings, writing_inventory(settings, inventory)):
            out.note(f"warning: {text}")
    report = judge_copies(settings, reading_inventory(settings, inventory), application)
    for problem in report.problems:
        out.note(f"warning: {problem}")
    if as_json:
        out.json({"applications": report.applications, "problems": report.problems})
    else:
        _show(out, report.applications)
    is_broken = any(each.is_broken for each in report.applications)
    return int(ExitCode.POLICY_BROKEN if is_broken else ExitCode.DONE)


def _show(out: Out, applications: "tuple[Judged, ...]") -> None:
    """Show one small table an application that is hosted here, then one line for each other state."""
    for each in applications:
        if each.lines:
            rows: list[tuple[Any, ...]] = [
                (line.rule, line.verdict.value, line.reason, ", ".join(line.shown_by) or None) for line in each.lines
            ]
            out.table(rows, ("rule", "is", "why", "shown by"), title=each.application)
            out.line("")
    others: dict[str, list[str]] = {}
    for each in applications:
        if not each.lines:
            others.setdefault(each.note or f"hosting {each.hosting}", []).append(each.application)
    for state, names in others.items():
        out.line(f"{state} ({len(names)}): {', '.join(names)}")

"""`dcops backup import`: receipts of backups that other tools took."""

from pathlib import Path
from typing import Annotated

import typer

from dcops.cli.common import CheckOption, InventoryOption, JsonOption, Out, writing_inventory
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the other tool told.")],
    form: Annotated[
        str, typer.Option("--format", metavar="FORM", help="json, csv, or pgbackrest (info --output=json).")
    ] = "json",
    application: Annotated[
        str | None, typer.Option("--app", metavar="KEY", help="Application of rows that name none.")
    ] = None,
    repository: Annotated[
        str | None, typer.Option("--repository", metavar="NAME", help="Repository of rows that name none.")
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="NAME", help="Where the repository stands, of rows that do not say.")
    ] = None,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    as_json: JsonOption = False,
) -> int:
    """Record backups that another tool took, so that they count: as reported, until data came back.

    Every problem of the file is told at once, each with its line, and then nothing is recorded (exit 3). A backup that
    is known already is passed over, so the same file may be imported again; one that is told otherwise than before is a
    problem. Forms: docs/backup.md, Backups of other tools.

    \b
    Examples:
      dcops backup import backups.json
      dcops backup import nightly.csv --format csv --app absensi --check
      dcops backup import info.json --format pgbackrest --app naskah_dinas_elektronik --site drc
    """
    from dcops.backup.foreign import Defaults, Format
    from dcops.core.errors import UsageError
    from dcops.wiring.backup_foreign import import_receipts

    if form not in [each.value for each in Format]:
        raise UsageError(f'"{form}" is no form', where="--format", hint=f"One of: {', '.join(Format)}.")
    out, settings = Out(as_json=as_json), Settings.load()
    defaults = Defaults(application=application, repository=repository, site=site)
    name = writing_inventory(settings, inventory)
    done = import_receipts(settings, name, file, Format(form), defaults, is_check=check)
    for text in done.warnings:
        out.note(f"warning: {text}")
    word = "would be recorded" if check else "recorded"
    out.result(
        {"added": done.added, "known": done.known, "is_check": check, "warnings": done.warnings},
        f"{file}: {len(done.added)} {word} as reported, {done.known} known before",
    )
    return int(ExitCode.DIFFERENCES if check and done.added else ExitCode.DONE)

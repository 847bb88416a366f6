"""`dcops backup wal`: does the archive of a database's WAL work, and is it whole."""

from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, writing_inventory
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.units import format_duration

if TYPE_CHECKING:
    from dcops.records.kinds.backup_wal import WalReceipt

_AppOption = Annotated[
    str | None,
    typer.Option("--app", metavar="KEY", help="Application, by its catalogue key; not needed with one policy only."),
]


def wal(application: _AppOption = None, inventory: InventoryOption = None, as_json: JsonOption = False) -> int:
    """Hold what the server archived against what the repository has: failures, gaps, how much may be lost.

    Asks the server (pg_stat_archiver) and pgBackRest's repository, and records what was seen (`backup.wal`). `plan`
    and `policy` take that record to know whether WAL archiving keeps an objective that the schedule does not.

    Exit code 13 when segments are missing, 14 when archiving fails, lags or has no base backup.

    \b
    Examples:
      dcops backup wal
      dcops backup wal --app naskah_dinas_elektronik --json
    """
    from dcops.wiring.backup import open_backup
    from dcops.wiring.backup_wal import look_at_archive, wal_of

    out, settings = Out(as_json=as_json), Settings.load()
    backup = open_backup(settings, writing_inventory(settings, inventory), application, writing="backup wal")
    wal_of(backup)
    with backup.run("backup wal") as running:
        found, error = look_at_archive(backup, running.run_id)
        if found.error and error is not None:
            out.note(f"{found.application}: {found.reason}")
            raise error
        code = int(ExitCode.DONE if found.status == "pass" else ExitCode.POLICY_BROKEN)
        code = int(error.exit_code) if error is not None else code
        running.finish({"status": found.status, "reason": found.reason}, exit_code=code)
    for warning in backup.hand_over():
        out.note(f"warning: {warning}")
    if as_json:
        out.json(found)
    else:
        _show(out, found)
    return code


def _show(out: Out, found: "WalReceipt") -> None:
    """Show one archive in a few lines."""
    lost = format_duration(found.exposure_seconds) if found.exposure_seconds is not None else "not bounded"
    out.line(f"{found.application}: {found.status}: {found.reason}")
    out.line(f"  archive   {found.wal_min or 'nothing'} to {found.wal_max or 'nothing'}, {found.missing_count} missing")
    newest = (
        f", newest {found.newest_backup} of {found.newest_backup_at:%Y-%m-%d %H:%M} UTC"
        if found.newest_backup_at
        else ""
    )
    out.line(f"  base      {found.backups} backups{newest}")
    out.line(f"  at worst  {lost} of work is not archived; {found.failed_count} failures since the statistics began")

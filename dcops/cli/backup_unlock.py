"""`dcops backup unlock --stale`: remove locks of dead runs, and no others."""

from typing import Annotated

import typer

from dcops.cli.common import CheckOption, InventoryOption, JsonOption, Out, writing_inventory
from dcops.core.errors import UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.units import format_duration, parse_duration


def unlock(
    stale: Annotated[bool, typer.Option("--stale", help="Say that dead locks are meant, no others.")] = False,
    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="AGE", help="Age from which a lock of another host may be dead."),
    ] = "2h",
    application: Annotated[
        str | None, typer.Option("--app", metavar="KEY", help="Application; not needed with one policy only.")
    ] = None,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    as_json: JsonOption = False,
) -> int:
    """Remove locks that dead runs left in the repository; each removal is a record.

    Dead is a lock of this host whose process is gone, and one older than --older-than when the journal of its host
    shows no open run. A lock that lives is never removed: exit 11 tells who holds it, since when, and its pid.

    \b
    Examples:
      dcops backup unlock --stale --check
      dcops backup unlock --stale --older-than 12h
    """
    from dcops.backup.unlock import MINIMUM_AGE_SECONDS
    from dcops.wiring.backup import open_backup
    from dcops.wiring.backup_unlock import judge
    from dcops.wiring.backup_unlock import unlock as remove

    if not stale:
        raise UsageError("say --stale", hint="Only locks of dead runs are removed.")
    limit = parse_duration(older_than)
    if limit < MINIMUM_AGE_SECONDS:
        raise UsageError(f"--older-than is at least {format_duration(MINIMUM_AGE_SECONDS)}", hint="restic needs that.")
    out, settings = Out(as_json=as_json), Settings.load()
    backup = open_backup(settings, writing_inventory(settings, inventory), application, writing="backup unlock")
    if check:
        verdicts = tuple(judge(backup, lock, limit) for lock in backup.repository.locks())
    else:
        with backup.run("backup unlock") as running:
            verdicts = remove(backup, limit, running)
            running.finish({"removed": [each.lock.id for each in verdicts if each.is_dead]})
    dead = [each for each in verdicts if each.is_dead]
    if as_json:
        out.json({"is_check": check, "dead": dead, "held": [each for each in verdicts if not each.is_dead]})
    else:
        word = "would remove" if check else "removed"
        for each in verdicts:
            out.line(f"{word if each.is_dead else 'held'}: {each}")
        if not verdicts:
            out.line(f"{backup.policy.repository.name}: no locks")
    return int(ExitCode.DIFFERENCES if check and dead else ExitCode.DONE)

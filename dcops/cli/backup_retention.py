"""`dcops backup retention`: what may be forgotten of a repository, decided and done on its retention host alone."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, YesOption, confirm, writing_inventory
from dcops.core.errors import UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.units import format_duration

if TYPE_CHECKING:
    from dcops.wiring.backup_retention import Planned, RetentionHost

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Forget what a policy no longer keeps. Only on the repository's retention host.\n\nManual: docs/backup.md.",
)

RepositoryOption = Annotated[
    str | None, typer.Option("--repository", metavar="NAME", help="Repository; not needed with one only.")
]
NoFetchOption = Annotated[
    bool, typer.Option("--no-fetch", help="Use the journals that were fetched before; do not ask for newer ones.")
]


@app.command()
def plan(
    repository: RepositoryOption = None,
    no_fetch: NoFetchOption = False,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what would be forgotten, what stays and why, and what is in doubt; it ends with the id for apply.

    The journals of the operations servers are fetched first. Every snapshot must be named by a receipt in them. A
    snapshot without one, of an unknown application, of the future, or more than ten minutes off its receipt is named,
    and while it is there nothing may be forgotten (exit 14). The last verified sets always stay.

    \b
    Examples:
      dcops backup retention plan
      dcops backup retention plan --no-fetch --json
    """
    out, settings = Out(as_json=as_json), Settings.load()
    host = _open(settings, inventory, repository, "backup retention plan")
    with out.progress("retention") as report, host.run("backup retention plan") as running:
        warnings = host.observe(running)
        warnings += [] if no_fetch else host.fetch()
        report("the repository is listed")
        planned = host.plan(host.keeper())
    _warn(out, warnings)
    if as_json:
        out.json({
            "plan_id": planned.plan.plan_id, "repository": host.repository, "repository_id": planned.repository_id,
            "journals_until": planned.until, "keep": planned.decision.keep, "forget": planned.decision.forget,
            "doubts": planned.decision.doubts, "problems": planned.problems, "warnings": warnings,
        })  # fmt: skip
    else:
        _show(out, planned)
    return int(ExitCode.POLICY_BROKEN if planned.doubts else ExitCode.DONE)


@app.command()
def apply(
    plan_id: Annotated[
        str, typer.Option("--plan-id", metavar="ID", help="What plan ended with; another state is refused.")
    ],
    repository: RepositoryOption = None,
    inventory: InventoryOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Forget exactly what the plan named, by snapshot ids, and prune; every outcome is a record `backup.retention`.

    Journals are fetched again. Refused (exit 7), nothing touched, when anything is in doubt or when the repository, the
    receipts or the policy have moved since the plan.

    \b
    Example:
      dcops backup retention apply --plan-id 3f9a0c51d2e7 --yes
    """
    from dcops.runs.refusals import refusals_recorded

    out, settings = Out(as_json=as_json), Settings.load()
    host = _open(settings, inventory, repository, "backup retention apply")
    with refusals_recorded("backup retention apply", host.journal, settings.identity_path):
        keeper = host.keeper()
    confirm(f"Forget what plan {plan_id[:12]} names in {host.repository}?", yes=yes)
    with out.progress("retention") as report, host.run("backup retention apply") as running:
        warnings = host.fetch()
        record = host.apply(keeper, plan_id, running, report)
        running.finish({"plan_id": record.plan_id, "forgotten": [each.run for each in record.forgotten]})
    warnings += host.fetch()  # hands over the record of what was done
    _warn(out, list(dict.fromkeys(warnings)))
    snapshots = sum(len(each.snapshots) for each in record.forgotten)
    out.result(
        {"record": record, "warnings": warnings},
        f"{host.repository}: {snapshots} snapshots of {len(record.forgotten)} runs forgotten, {record.kept} stay, "
        f"pruned, {format_duration(record.duration_seconds)}",
    )
    return int(ExitCode.DONE)


@app.command()
def enrol(repository: RepositoryOption = None, inventory: InventoryOption = None, as_json: JsonOption = False) -> None:
    """Make this host's own key of the repository, and remember which repository it is.

    The repository's password is brought once, on standard input, and not kept. The new key is random, lies only here,
    and is what plan and apply open the repository with. A second call changes nothing.

    \b
    Example:
      dcops backup retention enrol < restic-password
    """
    out, settings = Out(as_json=as_json), Settings.load()
    host = _open(settings, inventory, repository, "backup retention enrol")
    password = "" if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not password and not (settings.secrets / host.spec.password.removeprefix("file:")).exists():
        raise UsageError("the repository's password is not on standard input", hint="... enrol < FILE; it is not kept.")
    with host.run("backup retention enrol") as running:
        found = host.enrol(password, running)
    out.result({"repository": host.repository, "repository_id": found, "key": host.spec.password},
               f"{host.repository}: id {found[:12]}, this host opens it with {host.spec.password}")  # fmt: skip


def _open(settings: Settings, inventory: str | None, repository: str | None, verb: str) -> "RetentionHost":
    from dcops.wiring.backup_retention import open_retention

    return open_retention(settings, writing_inventory(settings, inventory), repository, verb)


def _warn(out: Out, warnings: list[str]) -> None:
    for text in warnings:
        out.note(f"warning: {text}")


def _show(out: Out, planned: "Planned") -> None:
    decision = planned.decision
    rows = [
        (
            each.application,
            each.run,
            f"{each.at:%Y-%m-%d %H:%M}",
            what,
            len(each.snapshots),
            "; ".join(each.reasons) or why,
        )
        for groups, what, why in ((decision.keep, "stays", ""), (decision.forget, "goes", "no rule keeps it"))
        for each in groups
    ]
    if rows:
        out.table(rows, ("app", "run", "end (UTC)", "it", "snapshots", "why"))
    for doubt in planned.doubts:
        out.line(f"in doubt: {doubt}")
    if planned.doubts:
        out.line("Nothing may be forgotten while anything is in doubt.")
    out.line(f"plan {planned.plan.plan_id[:12]}: {len(decision.ids)} snapshots to forget")

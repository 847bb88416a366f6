"""`dcops backup`: take backups of applications, look at them, check the repository, bring data back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli import (
    backup_configs,
    backup_copy,
    backup_group,
    backup_import,
    backup_plan,
    backup_policy,
    backup_retention,
    backup_unlock,
    backup_verify,
    backup_wal,
)
from dcops.cli.common import (
    CheckOption,
    InventoryOption,
    JsonOption,
    Out,
    YesOption,
    banner,
    confirm,
    reading_inventory,
    writing_inventory,
)
from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError, UsageError
from dcops.core.exitcodes import ExitCode, worst
from dcops.core.settings import Settings
from dcops.core.units import format_duration, format_size

if TYPE_CHECKING:
    from dcops.records.kinds.backup import Receipt
    from dcops.wiring.backup import Backup

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Back up applications with restic, and prove the copies.\n\nPolicies: inventory/NAME/backup/*.yml. "
    "Runs on an operations server. Manual: docs/backup.md.",
)

AppOption = Annotated[
    str | None,
    typer.Option("--app", metavar="KEY", help="Application, by its catalogue key; not needed with one policy only."),
]

GroupOption = Annotated[
    str | None, typer.Option("--group", metavar="NAME", help="Each member of a consistency group, in their order.")
]
RepositoryOption = Annotated[
    str | None, typer.Option("--repository", metavar="NAME", help="One of the policy's copies, in place of its own.")
]


def _open(application: str | None, inventory: str, *, writing: str = "", repository: str | None = None) -> "Backup":
    """Open the backups of an application; a refusal of the `writing` verb is recorded."""
    from dcops.wiring.backup import open_backup

    return open_backup(Settings.load(), inventory, application, writing=writing, repository=repository)


@app.command()
def run(
    application: AppOption = None,
    device_configs: Annotated[
        bool, typer.Option("--device-configs", help="The kept network configurations, as a set of their own.")
    ] = False,
    due: Annotated[bool, typer.Option("--due", help="Each application whose schedule says so; for a timer.")] = False,
    group: GroupOption = None,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Take one backup: dump, files, manifest, receipt. With --due one of each application that is due.

    With --group one of each member of a consistency group: who names data of another first, so that the other's copy
    holds what is named. `dcops backup verify --group` then holds them against one another.

    The database is dumped from one consistent snapshot and streamed into restic; a dump that fails leaves neither a
    snapshot nor a lock. Files come after it, so every row finds its file. The manifest comes last. The receipt goes
    into the journal, of failed runs too.

    Exit codes: 5 database or server unreachable, 7 repository or host is not the enrolled one, 10 repository missing,
    11 locked, 12 wrong key, 13 damaged data, 14 policy broken. With --due one failure does not stop the next, and the
    worst code counts.

    \b
    Examples:
      dcops backup run --app naskah_dinas_elektronik
      dcops backup run --due
      dcops backup run --device-configs
      dcops backup run --group naskah
      dcops backup run --check
    """
    out = Out(as_json=as_json)
    name = writing_inventory(Settings.load(), inventory)
    if sum((device_configs, bool(group), due)) > 1 or (application and (device_configs or group)):
        hint = "Name one of them; --app goes with --due."
        raise UsageError("--device-configs, --group, --due and --app do not go together", hint=hint)
    if device_configs:
        return backup_configs.run(out, name, is_check=check)
    if group:
        return backup_group.run_group(out, name, group, lambda key: _run_one(out, name, key, yes=yes), is_check=check)
    if due:
        return backup_plan.run_due(
            out, name, application, lambda key: _run_one(out, name, key, yes=yes), is_check=check
        )
    backup = _open(application, name, writing="backup run")
    _banner(out, backup)
    if check:
        _show_plan(out, backup)
        return int(ExitCode.DIFFERENCES)
    receipt, warnings = _take(out, backup, yes=yes)
    snapshots = {"dump": receipt.dump_snapshot, "files": receipt.files_snapshot, "manifest": receipt.manifest_snapshot}
    out.result(
        {"receipt": receipt, "snapshots": snapshots, "warnings": warnings},
        f"run {receipt.run}: {format_size(receipt.dump_bytes)} of database, {receipt.file_count} files "
        f"({format_size(receipt.file_bytes)}), {format_size(receipt.added_bytes)} added "
        f"in {format_duration(receipt.duration_seconds)}\n"
        f"dump {receipt.dump_snapshot[:8]}  files {receipt.files_snapshot[:8]}  "
        f"manifest {receipt.manifest_snapshot[:8]}  sha256 {receipt.manifest_sha256[:16]}",
    )
    return int(ExitCode.DONE)


def _run_one(out: Out, inventory: str, application: str, *, yes: bool) -> dict[str, Any]:
    """Take the backup of one application that is due and give what tells of it beside others."""
    backup = _open(application, inventory, writing="backup run")
    _banner(out, backup)
    receipt, warnings = _take(out, backup, yes=yes)
    seconds = receipt.duration_seconds
    return {"run": receipt.run, "duration_seconds": seconds, "manifest_sha256": receipt.manifest_sha256,
            "warnings": warnings, "reason": f"run {receipt.run}, {format_duration(seconds)}"}  # fmt: skip


def _take(out: Out, backup: "Backup", *, yes: bool) -> tuple["Receipt", list[str]]:
    """Take one backup; give its receipt and what is worth a look."""
    from dcops.runs.refusals import refusals_recorded

    with refusals_recorded("backup run", backup.journal, backup.settings.identity_path):
        writers = backup.writers()
    if sys.stdin.isatty():  # a backup only adds, so a timer need not say --yes; a person may still think again
        confirm(f"Back up {backup.policy.application} to {backup.policy.repository.name}?", yes=yes)
    with out.progress("backup") as report, backup.run("backup run") as running:
        try:
            receipt = backup.service.run(writers, running.run_id, report)
        finally:
            try:
                backup.write_metrics()
            except DcopsError as error:  # never in place of what became of the backup
                out.note(f"warning: the metrics were not written: {error}")
        running.finish({"dump_snapshot": receipt.dump_snapshot, "manifest_sha256": receipt.manifest_sha256})
    warnings = [text for text in (backup.service.warning(receipt), *backup.hand_over()) if text]
    for text in warnings:
        out.note(f"warning: {text}")
    return receipt, warnings


def _banner(out: Out, backup: "Backup") -> None:
    from dcops.runs.run import current_actor

    inventory = backup.inventory
    banner(
        out,
        inventory=inventory.name,
        environment=inventory.environment,
        revision=inventory.revision,
        user=current_actor(),
    )


def _show_plan(out: Out, backup: "Backup") -> None:
    policy = backup.policy
    steps = [
        ("preflight", f"database {policy.database.device}, repository {policy.repository.name}, clock"),
        ("dump", f"{policy.database.database} at {policy.database.device} -> {policy.repository.url}"),
        *([("files", f"{policy.files.device}:{policy.files.path} -> {policy.repository.url}")] if policy.files else []),
        ("manifest", policy.repository.url),
        ("receipt", "the journal"),
    ]
    if out.as_json:
        out.json({"plan": [{"step": name, "detail": detail} for name, detail in steps]})
    else:
        out.table(steps, ("step", "what"))


@app.command("list")
def list_(
    application: AppOption = None,
    repository: RepositoryOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the snapshots of an application as the repository has them, oldest first.

    \b
    Examples:
      dcops backup list --app naskah_dinas_elektronik
      dcops backup list --json
    """
    out = Out(as_json=as_json)
    backup = _open(application, reading_inventory(Settings.load(), inventory), repository=repository)
    rows = [
        {
            "id": snapshot.id,
            "time": snapshot.time,
            "run": snapshot.tag("run"),
            "part": snapshot.tag("part"),
            "hostname": snapshot.hostname,
            "tree": snapshot.tree,
        }
        for snapshot in backup.service.snapshots()
    ]
    if as_json:
        out.json({"repository": backup.policy.repository.url, "snapshots": rows})
    else:
        cells = [(str(r["id"])[:8], f"{r['time']:%Y-%m-%d %H:%M:%S}", r["run"], r["part"], r["hostname"]) for r in rows]
        out.table(cells, ("snapshot", "time (UTC)", "run", "part", "host"))


@app.command()
def check(
    application: AppOption = None,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read every pack; only this finds a damaged one.")
    ] = False,
    repository: RepositoryOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the repository: identity, structure, and with --read-data every byte of it.

    Exit codes: 7 not the enrolled repository, 10 missing, 11 locked, 12 wrong key, 13 damaged.

    \b
    Examples:
      dcops backup check
      dcops backup check --read-data
    """
    out = Out(as_json=as_json)
    backup = _open(application, reading_inventory(Settings.load(), inventory), repository=repository)
    method = "check --read-data" if read_data else "check"
    began = monotonic()
    with out.progress(method), backup.run(f"backup {method}") as running:
        try:
            result = backup.service.check(is_data_read=read_data)
        except DcopsError as error:
            backup.record_verification(method, running.run_id, monotonic() - began, error)
            raise
        backup.record_verification(method, running.run_id, monotonic() - began, None)
    what = "every pack read" if read_data else "structure only; --read-data reads every pack"
    out.result(
        {"status": "pass", **result.model_dump()},
        f"{backup.policy.repository.name}: {result.snapshots} snapshots, no damage found ({what}), "
        f"{format_duration(result.seconds)}",
    )


@app.command()
def restore(
    snapshot: Annotated[str, typer.Argument(help="latest, the end of a run id, or a snapshot id.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new or empty folder; it becomes private (0700).")],
    application: AppOption = None,
    repository: RepositoryOption = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore into an empty folder and compare with the manifest written at backup time.

    A folder that holds anything is refused (exit 7): a restore never overwrites live data. A damaged pack ends with 13.

    \b
    Examples:
      dcops backup restore latest --to /root/restored
      dcops backup restore 9DYV --to /root/restored
    """
    out = Out(as_json=as_json)
    name = writing_inventory(Settings.load(), inventory)
    backup = _open(application, name, writing="backup restore", repository=repository)
    began = monotonic()
    with out.progress("restore") as report, backup.run("backup restore") as running:
        try:
            found = backup.service.restore(snapshot, to, report)
        except DcopsError as error:
            if error.exit_code is not ExitCode.REFUSED:
                backup.record_verification("restore", running.run_id, monotonic() - began, error)
            raise
        if found:
            backup.record_verification("restore", running.run_id, monotonic() - began, None)
    compared = "equal to its manifest" if found else "a single snapshot, not compared"
    document: dict[str, Any] = {"target": str(to), "is_compared": found is not None}
    if found:
        document |= {
            "run": found.manifest.run,
            "dump_bytes": found.manifest.dump_bytes,
            "files": len(found.manifest.files),
        }
    out.result(document, f"{to}: {compared}, {format_duration(monotonic() - began)}")


app.command("plan")(backup_plan.plan)
app.command("verify")(backup_verify.verify)
app.command("unlock")(backup_unlock.unlock)
app.command("policy")(backup_policy.policy)
app.command("copy")(backup_copy.copy)
app.command("import")(backup_import.import_)
app.add_typer(backup_retention.app, name="retention")
app.command("wal")(backup_wal.wal)


@app.command()
def status(application: AppOption = None, inventory: InventoryOption = None, as_json: JsonOption = False) -> int:
    """Tell from the journals how old the newest good backup of each application is (exit 14: too old or unknown).

    Nothing is asked of the repository. Journals that other operations servers handed over are read too, once verified;
    the table says which one the receipt stands in. Without a receipt the answer is unknown, never ok. Backups of other
    tools (`dcops backup import`) have rows of their own. How far a copy is proved: reported, restored (data came back
    and was equal), drilled (a drill passed on it).

    \b
    Examples:
      dcops backup status
      dcops backup status --json
    """
    from dcops.wiring.backup_grades import statuses

    out = Out(as_json=as_json)
    settings = Settings.load()
    found = statuses(settings, reading_inventory(settings, inventory), application)
    for problem in dict.fromkeys(problem for each in found for problem in each.problems):
        out.note(f"warning: {problem}")
    if as_json:
        out.json({"applications": found})
    else:
        rows = [
            (each.application, each.status.value, each.reason, each.told_by or "dcops", each.grade or None,
             each.journal or None)
            for each in found
        ]  # fmt: skip
        out.table(rows, ("app", "status", "newest backup", "by", "proved", "journal"))
    return int(worst(ExitCode.DONE if each.status == "pass" else ExitCode.POLICY_BROKEN for each in found))

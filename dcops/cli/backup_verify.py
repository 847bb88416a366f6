"""`dcops backup verify`: prove that a set comes back, in private, and leave nothing but the record."""

from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli import backup_configs
from dcops.cli.backup_group import verify_group
from dcops.cli.common import InventoryOption, JsonOption, Out, writing_inventory
from dcops.core.clock import monotonic
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.core.units import format_duration, format_size

if TYPE_CHECKING:
    from dcops.backup.verify import Findings, Request

_SAMPLE = 20


def verify(
    wanted: Annotated[
        str, typer.Argument(metavar="SNAP|RUN|latest", help="latest, the end of a run id, or a snapshot of a set.")
    ] = "latest",
    application: Annotated[
        str | None, typer.Option("--app", metavar="KEY", help="Application; not needed with one policy only.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help=f"The dump and N files ({_SAMPLE} by default).")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="The dump, every file, and the database as with --db.")] = False,
    db: Annotated[
        bool, typer.Option("--db", help="The dump, loaded into a throwaway cluster: rows, newest, invariants.")
    ] = False,
    device_configs: Annotated[
        bool, typer.Option("--device-configs", help="The newest set of network configurations, whole.")
    ] = False,
    repository: Annotated[
        str | None,
        typer.Option("--repository", metavar="NAME", help="One of the policy's copies, in place of its own."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", metavar="NAME", help="The newest sets of a consistency group, held against one another."
        ),
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a set into a private folder, compare it with its manifest, and wipe it.

    Files are drawn by the id of this run, so every run looks at others. A throwaway PostgreSQL cluster (a socket in a
    private folder, no TCP) proves that the dump loads and that the policy's invariants hold. Everything is wiped
    afterwards, after a failure and a signal too, and the record says so.

    Exit codes: 7 not the enrolled repository, 10 missing, 11 locked, 12 wrong key, 13 damaged or different data,
    14 an invariant is broken, 130 interrupted.

    \b
    Examples:
      dcops backup verify
      dcops backup verify --sample 200 9DYV
      dcops backup verify --device-configs
      dcops backup verify --group naskah
      dcops backup verify --full --app naskah_dinas_elektronik --json
    """
    from dcops.wiring.backup import open_backup
    from dcops.wiring.backup_verify import record_outcome, verify_set

    request = _request(wanted, sample, full=full, db=db)
    out, settings = Out(as_json=as_json), Settings.load()
    name = writing_inventory(settings, inventory)
    if sum((device_configs, bool(group), bool(application or repository))) > 1:
        raise UsageError("--device-configs, --group and --app do not go together", hint="Name one of them.")
    if device_configs:
        backup_configs.verify(out, name)
        return
    if group:
        verify_group(out, name, group)
        return
    backup = open_backup(settings, name, application, writing="backup verify", repository=repository)
    began = monotonic()
    with out.progress(request.method) as report, backup.run("backup verify") as running:
        outcome = verify_set(backup, request, running.run_id, report)
        fields = record_outcome(backup, request, running.run_id, monotonic() - began, outcome)
        if outcome.error:
            raise outcome.error
        running.finish({"set_run": outcome.findings.set_run, "method": request.method})
    document = {"status": "pass", "method": request.method, "run": running.run_id, **fields}
    out.result(document, _text(outcome.findings, monotonic() - began))


def _request(wanted: str, sample: int | None, *, full: bool, db: bool) -> "Request":
    """Give what is asked for. Raises UsageError when two depths are named."""
    from dcops.backup.verify import Request

    if (sample is not None) + full + db > 1:
        raise UsageError("name one of --sample, --full and --db", hint="--full holds the others.")
    if full:
        return Request(wanted, None, is_loaded=True)
    return Request(wanted, 0, is_loaded=True) if db else Request(wanted, sample or _SAMPLE)


def _text(found: "Findings", seconds: float) -> str:
    database = (
        f"{found.rows} rows in {found.tables} tables ({found.engine}), {len(found.invariants_held)} invariants hold\n"
        if found.engine
        else ""
    )
    return (
        f"set {found.set_run}: dump and {found.files_checked} of {found.files_total} files equal the manifest "
        f"({format_size(found.dump_bytes + found.files_bytes)})\n{database}"
        f"manifest: {'equals its receipt' if found.has_receipt else 'no receipt of it is known here'}; "
        f"wiped; {format_duration(seconds)}"
    )

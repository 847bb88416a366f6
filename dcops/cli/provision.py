"""`dcops provision`: servers, set up and checked through Ansible."""

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli.common import (
    CheckOption,
    ForksOption,
    InventoryOption,
    JsonOption,
    LimitOption,
    Out,
    PlanIdOption,
    Reporter,
    YesOption,
    banner,
    confirm,
    reading_inventory,
    writing_inventory,
)
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.units import format_duration

if TYPE_CHECKING:
    from dcops.provision.model import Event, TaskDone
    from dcops.wiring.provision import Finished, Options

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Set up servers and check them, through Ansible.\n\nPlaybooks: playbooks/*.yml. Manual: docs/provisioning.md.",
)

PlaybookArgument = Annotated[str, typer.Argument(metavar="PLAYBOOK", help="A name from `dcops provision list`.")]
DiffOption = Annotated[bool, typer.Option("--diff", "-D", help="Show what files become, line by line.")]


@app.command()
def run(
    playbook: PlaybookArgument,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    check: CheckOption = False,
    diff: DiffOption = False,
    forks: ForksOption = 16,
    yes: YesOption = False,
    plan_id: PlanIdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a playbook on the hosts of an inventory.

    The inventory is validated first, and each host must be the one enrolled under its name: otherwise nothing is
    touched. What happens is shown as it happens, one line for each change or failure. The judgement is made from the
    outcomes counted per host, never from Ansible's exit status, and is written to the journal.

    Exit codes: 0 done; 1 failed; 2 no host or playbook of that name; 3 inventory invalid; 4 --check found differences;
    5 no host reached; 6 some hosts failed; 7 not the enrolled hosts, or observe mode; 11 another run goes on; 130
    interrupted.

    \b
    Examples:
      dcops provision run site -i lab
      dcops provision run site -i lab -l 'drc:!drc-bkp1' --diff
      dcops provision run site --yes --plan-id 3f9a0c51d2e7
    """
    from dcops.wiring.provision import Options

    settings = Settings.load()
    name = reading_inventory(settings, inventory) if check else writing_inventory(settings, inventory)
    options = Options(playbook, limit, check, diff, forks)
    _run(settings, name, options, Out(as_json=as_json), yes=yes, plan_id=plan_id)


@app.command()
def check(
    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK")] = "site",
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    diff: DiffOption = False,
    forks: ForksOption = 16,
    as_json: JsonOption = False,
) -> None:
    """Say what a playbook would change, and change nothing: `run --check`. Exit code 4 when anything differs.

    \b
    Examples:
      dcops provision check site -i lab
      dcops provision check -l jkt-db1 --diff
    """
    from dcops.wiring.provision import Options

    settings = Settings.load()
    options = Options(playbook, limit, is_check=True, is_diff=diff, forks=forks)
    _run(settings, reading_inventory(settings, inventory), options, Out(as_json=as_json), yes=True)


def _run(settings: Settings, name: str, options: "Options", out: Out, *, yes: bool, plan_id: str | None = None) -> None:
    from dcops.runs.cancel import cancel_on_signals
    from dcops.runs.run import current_actor
    from dcops.wiring.provision import find_playbook, open_provisioning

    find_playbook(settings, options.playbook)
    provisioning = open_provisioning(settings, name)
    found = provisioning.inventory
    banner(out, inventory=found.name, environment=found.environment, revision=found.revision, user=current_actor())
    plan = provisioning.plan(options)
    if not options.is_check:
        provisioning.require_seen(plan, yes=yes, named=plan_id)
    if not options.is_check and found.environment.value != "twin":
        confirm(f"Run {options.playbook} on {options.limit or 'all hosts'} of {found.name}?", yes=yes)
    with cancel_on_signals() as token, out.progress(f"provision {options.playbook}") as report:
        finished = provisioning.run(options, _Shown(out, report, is_diff=options.is_diff), token)
    _show(out, finished, plan.plan_id)
    raise typer.Exit(int(finished.conclusion.exit_code))


class _Shown:
    """Shows events as they come: a heading for a play, a line for each change or failure; the rest only as progress."""

    def __init__(self, out: Out, report: Reporter, *, is_diff: bool) -> None:
        self._out, self._report, self._is_diff = out, report, is_diff
        self._count = 0

    def __call__(self, event: "Event") -> None:
        """Show one event."""
        from dcops.provision.model import Outcome, PlayStarted, TaskDone

        if isinstance(event, PlayStarted):
            self._out.note(f"play   {event.name}")
        elif isinstance(event, TaskDone):
            self._count += 1
            if event.outcome in (Outcome.CHANGED, Outcome.FAILED, Outcome.UNREACHABLE) and not event.is_ignored:
                self._out.note(f"{event.outcome.value:<8} {event.host:<10} {event.task}{_detail(event)}")
            if self._is_diff:
                self._differences(event)
            if self._out.log.is_terminal:
                self._report(f"{self._count} tasks done, now {event.host} {event.task}")

    def _differences(self, event: "TaskDone") -> None:
        for each in event.differences:
            before, after = each.before.splitlines(), each.after.splitlines()
            for line in difflib.unified_diff(before, after, each.path, each.path, lineterm="", n=1):
                self._out.note(f"    {line}")


def _detail(event: "TaskDone") -> str:
    if event.message:
        return f": {event.message}"
    shown = "; ".join(event.changes[:4]) + (f"; {len(event.changes) - 4} more" if len(event.changes) > 4 else "")
    return f": {shown}" if shown else ""


def _show(out: Out, finished: "Finished", plan_id: str) -> None:
    conclusion = finished.conclusion
    if out.as_json:
        out.json({**finished.document(), "plan": plan_id})
        return
    rows = [(h.name, h.status.value, h.ok, h.changed, h.failed, h.unreachable, h.skipped) for h in conclusion.hosts]
    out.table(rows, ("host", "status", "ok", "changed", "failed", "unreachable", "skipped"))
    out.line(f"{conclusion.message}; run {finished.run}, {format_duration(finished.duration_seconds)}")
    if conclusion.exit_code is ExitCode.DIFFERENCES:
        out.line(f"plan {plan_id[:12]}")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the playbooks that can be run.

    \b
    Examples:
      dcops provision list
    """
    from dcops.wiring.provision import playbooks

    out, found = Out(as_json=as_json), playbooks(Settings.load())
    if as_json:
        out.json({"playbooks": [{"name": each.name, "summary": each.summary} for each in found]})
    else:
        out.table([(each.name, each.summary) for each in found], ("playbook", "what it does"))


@app.command()
def history(
    limit: Annotated[int, typer.Option("--last", "-n", min=1, help="How many runs, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List past runs and checks, newest first.

    \b
    Examples:
      dcops provision history --last 5
    """
    from itertools import islice

    from dcops.wiring.provision import history as runs

    out, found = Out(as_json=as_json), list(islice(runs(Settings.load()), limit))
    if as_json:
        out.json({"runs": found})
        return
    rows = [
        (f.run, f.verb, f.arguments.get("playbook"), f.inventory, f.status.value, f.exit_code, f.message) for f in found
    ]
    out.table(rows, ("run", "verb", "playbook", "inventory", "status", "exit", "message"))


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")],
    as_json: JsonOption = False,
) -> None:
    """Show one run: its hosts, and what was changed on each.

    \b
    Examples:
      dcops provision show 1N8D
    """
    from dcops.wiring.provision import find_run

    out, file = Out(as_json=as_json), find_run(Settings.load(), run_id)
    if as_json:
        out.json(file)
        return
    playbook, code = file.arguments.get("playbook"), file.exit_code
    out.line(f"run {file.run}: {file.verb} {playbook} on {file.inventory}, {file.status.value}, exit {code}")
    out.line(f"by {file.actor} at {file.started_at}" + (f"; {file.message}" if file.message else ""))
    hosts: list[dict[str, Any]] = list(file.result.get("hosts", []))
    out.table(
        [(h["name"], h["status"], h["ok"], h["changed"], h["failed"]) for h in hosts],
        ("host", "status", "ok", "changed", "failed"),
    )
    for host in hosts:
        for line in [*host["changes"], *host["failures"]]:
            out.line(f"  {host['name']}: {line}")

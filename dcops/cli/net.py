"""`dcops net`: back up, compare, plan and apply routing, look at BGP, move a service address."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcops.cli.common import CheckOption, ForksOption, InventoryOption, JsonOption, Out, YesOption, confirm
from dcops.cli.net_restore import restore
from dcops.cli.net_service import service_app
from dcops.cli.net_session import Session, acting, history_of, looking, overall, vars_of
from dcops.core.errors import Refused, UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.files import write_atomic
from dcops.core.words import Environment
from dcops.network.model import BackupResult, BackupStatus, ChangeResult, DevicePlan

app = typer.Typer(
    no_args_is_help=True,
    help="Network devices: back up, compare, plan, apply, move a service address.\n\n"
    "Verbs that open a session run on an operations server; on the twin: dcops lab exec jkt-ops1 -- dcops net ...",
)
app.add_typer(service_app, name="service")
app.command()(restore)

PatternArgument = Annotated[
    str, typer.Argument(metavar="[PATTERN]", help="Which devices, as in Ansible: all, jkt, jkt-rtr1, router:&drc.")
]
DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="A device of the inventory.")]


@app.command()
def backup(
    pattern: PatternArgument = "all",
    inventory: InventoryOption = None,
    forks: ForksOption = 8,
    json: JsonOption = False,
) -> None:
    """Fetch running configurations, prove them complete, and keep them in git.

    A text without its end marker, with an error line, or half as long as the last good copy is `suspect`: it is
    reported and never replaces the good copy. Secrets are replaced by keyed hashes. One commit a run, one folder a
    site, in $DCOPS_STATE/network/configs.

    Exit codes: 0 all kept, 5 none reached, 6 some not kept, 1 none kept.

    \b
    Examples:
      dcops net backup
      dcops net backup jkt --json
    """
    from dcops.network.service import backup_configurations
    from dcops.runs.executor import Limits

    out = Out(as_json=json)
    with acting("net backup", inventory, out, writes=False) as session, out.progress("net backup") as step:
        results, commit = backup_configurations(
            session.targets(pattern),
            reader=session.tools.reader,
            history=session.tools.history,
            record=session.run.record,
            redaction_key=session.tools.redaction_key(),
            limits=Limits(forks=forks, deadline_seconds=120),
            token=session.token,
            report=lambda result: step(f"{result.device} {result.status}"),
        )
        code = overall(_backup_word(result) for result in results)
        session.finish({"commit": commit or "", "devices": {item.device: item.status for item in results}}, code)
        _show_backup(out, session, results, commit)
        if code:
            raise typer.Exit(code)


def _show_backup(out: Out, session: Session, results: tuple[BackupResult, ...], commit: str | None) -> None:
    if out.as_json:
        out.json({"run": session.run.run_id, "commit": commit, "devices": [vars_of(item) for item in results]})
        return
    rows = [(r.device, r.site, r.status, r.lines or None, r.sha256[:12] or None, r.reason or None) for r in results]
    out.table(rows, ("device", "site", "status", "lines", "sha256", "reason"))
    out.line(f"commit {commit[:12]}" if commit else "nothing changed, no commit")


def _backup_word(result: BackupResult) -> str:
    return "changed" if result.status in (BackupStatus.CHANGED, BackupStatus.UNCHANGED) else result.status.value


@app.command()
def render(
    pattern: PatternArgument = "all",
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Print the intended routing of devices, services at their home site. Opens no session.

    \b
    Examples:
      dcops net render jkt-rtr1
      dcops net render router --json
    """
    from dcops.cli.net_session import offline

    out = Out(as_json=json)
    found = offline(inventory)
    texts = found.render(pattern)
    if json:
        out.json([{"device": name, "config": text} for name, text in texts.items()])
    for name, text in texts.items():
        out.line(f"! {name}\n{text}")


@app.command()
def plan(
    pattern: PatternArgument = "all",
    output: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the plan to this file.")] = None,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Compare running with intended routing and show the commands that would be sent, and their reverse.

    The plan names the state it was made from; `dcops net apply --plan FILE` refuses it once a device has moved on.
    Exit codes: 0 planned, 5 no device reached, 6 some not reached.

    \b
    Examples:
      dcops net plan
      dcops net plan drc --out plan.json
    """
    from dcops.network.planfile import plan_document

    out = Out(as_json=json)
    with looking(inventory, out) as session:
        plans, errors = session.plan(pattern)
    document = plan_document(plans, session.inventory.name, session.inventory.revision)
    if output is not None:
        import json as encoder

        write_atomic(output, encoder.dumps(document, indent=2) + "\n")
    if json:
        out.json({**document, "errors": [item.reason for item in errors]})
    else:
        _show_plans(out, plans, errors)
        out.line(f"plan {document['plan']}" + (f" written to {output}" if output else ""))
    raise typer.Exit(overall([*("unchanged" for _ in plans), *(item.status for item in errors)]))


@app.command()
def apply(
    pattern: PatternArgument = "all",
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Carry out this saved plan and no other.")] = None,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    yes: YesOption = False,
    forks: ForksOption = 8,
    json: JsonOption = False,
) -> None:
    """Bring routing to what the inventory says, through Netmiko.

    Shows the plan and asks. Two routers of one site are never changed in the same wave; after a failure the later
    waves are left. A device that refuses a line, or does not show what was sent, is led back to where it was. A
    service address stays where it is announced now: only `dcops net service move` moves it.

    Exit codes: 0 done, 4 --check found differences, 5 none reached, 6 partly applied, 7 refused (the device changed
    since the plan, another host key, observe mode), 8 a device needs a person.

    \b
    Examples:
      dcops net apply --check
      dcops net apply jkt --yes
      dcops net apply --plan plan.json
    """
    out = Out(as_json=json)
    with acting("net apply", inventory, out, writes=not check) as session:
        plans, errors = session.saved_plan(pattern, plan_file) if plan_file else session.plan(pattern)
        if not json:
            _show_plans(out, plans, errors)
        results = errors
        if check:
            code = overall([*(item.status for item in errors), *("unchanged" for _ in plans)])
        else:
            _may_apply(session, plans, plan_file, yes=yes)
            results = (*session.apply(plans, forks, out), *errors)
            code = overall(item.status for item in results)
        session.finish({"devices": {item.device: item.status for item in results}}, code)
        _show_results(out, session, plans, results)
        if code:
            raise typer.Exit(code)
    if check and any(not item.is_empty for item in plans):
        raise typer.Exit(ExitCode.DIFFERENCES)


def _may_apply(session: Session, plans: tuple[DevicePlan, ...], plan_file: Path | None, *, yes: bool) -> None:
    if session.inventory.environment is Environment.PRODUCTION and yes and plan_file is None:
        raise Refused("--yes in production needs a plan", hint="dcops net plan --out FILE, then apply --plan FILE.")
    changing = [plan.device for plan in plans if not plan.is_empty]
    if changing:
        confirm(f"Change {', '.join(changing)}?", yes=yes)


def _show_results(out: Out, session: Session, plans: tuple[DevicePlan, ...], results: tuple[ChangeResult, ...]) -> None:
    if out.as_json:
        documents = [vars_of(plan) for plan in plans], [vars_of(item) for item in results]
        out.json({"run": session.run.run_id, "plans": documents[0], "devices": documents[1]})
    elif results:
        rows = [(r.device, r.site, r.status, f"{r.seconds:.1f}", r.reason or None) for r in results]
        out.table(rows, ("device", "site", "status", "seconds", "reason"))


def _show_plans(out: Out, plans: tuple[DevicePlan, ...], errors: tuple[ChangeResult, ...]) -> None:
    for item in plans:
        if item.is_empty:
            out.line(f"{item.device}: as intended")
            continue
        out.line(f"{item.device}: {len(item.commands)} lines to send (plan {item.plan_id})")
        out.line("\n".join(f"  {line}" for line in item.diff))
    for error in errors:
        out.note(f"{error.device}: {error.status}: {error.reason}")


@app.command()
def status(
    pattern: PatternArgument = "all",
    wait: Annotated[float, typer.Option("--wait", min=0, help="Wait up to so many seconds for all sessions.")] = 0,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show the BGP sessions of the routers.

    Exit codes: 0 all established, 1 some are not, 5 no router reached, 6 some not reached.

    \b
    Examples:
      dcops net status
      dcops net status --wait 45 --json
    """
    from dcops.network.service import wait_for_bgp

    out = Out(as_json=json)
    with looking(inventory, out) as session, out.progress("net status") as step:
        found = wait_for_bgp(
            session.targets(pattern), session.tools.reader, wait_seconds=wait, token=session.token, report=step
        )
    names = session.tools.network.names
    peers = [(item, peer) for item in found for peer in item.peers]
    if json:
        rows = [{**vars_of(peer), "device": item.device, "neighbour": names.get(peer.address)} for item, peer in peers]
        errors = {item.device: item.error for item in found if item.error}
        out.json({"established": sum(p.is_established for _, p in peers), "peers": rows, "errors": errors})
    else:
        table = [
            (i.device, p.address, names.get(p.address), p.remote_as, p.state, p.uptime_seconds, p.prefixes_received)
            for i, p in peers
        ]
        out.table(table, ("device", "peer", "neighbour", "AS", "state", "up seconds", "prefixes"))
        out.line(f"{sum(p.is_established for _, p in peers)} of {len(peers)} sessions established")
        for item in found:
            if item.error:
                out.note(item.error)
    unread = ["unreachable" if item.error else "changed" for item in found]
    is_up = bool(peers) and all(peer.is_established for _, peer in peers)
    raise typer.Exit(overall(unread) or (ExitCode.DONE if is_up else ExitCode.FAILED))


@app.command()
def log(
    device: DeviceArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, newest first.")] = 20,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """List the kept configurations of a device, newest first.

    \b
    Examples:
      dcops net log jkt-rtr1
    """
    out = Out(as_json=json)
    history, site = history_of(device, inventory)
    commits = history.log(site, device, limit)
    if json:
        out.json([vars_of(commit) for commit in commits])
    else:
        out.table([(c.commit[:12], c.at, c.subject) for c in commits], ("commit", "at", "subject"))


@app.command()
def show(
    device: DeviceArgument,
    at: Annotated[str | None, typer.Option("--at", metavar="COMMIT", help="As of this commit.")] = None,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Print the kept configuration of a device (secrets replaced by hashes).

    \b
    Examples:
      dcops net show jkt-rtr1
      dcops net show jkt-rtr1 --at 4764a8ad6293
    """
    out = Out(as_json=json)
    history, site = history_of(device, inventory)
    text = history.read(site, device, at)
    if text is None:
        raise UsageError("no configuration is kept", where=device, hint="Back it up first: dcops net backup")
    out.result({"device": device, "site": site, "at": at, "config": text}, text.rstrip("\n"))


@app.command()
def diff(
    device: DeviceArgument,
    revisions: Annotated[
        str | None, typer.Argument(metavar="[A..B]", help="Two commits; default: last change.")
    ] = None,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show what changed between two kept configurations of a device.

    \b
    Examples:
      dcops net diff jkt-rtr1
      dcops net diff jkt-rtr1 4764a8ad6293..HEAD
    """
    out = Out(as_json=json)
    history, site = history_of(device, inventory)
    older, _, newer = (revisions or "").partition("..")
    text = history.diff(site, device, older or None, newer or None)
    out.result({"device": device, "diff": text}, text.rstrip("\n") or "no difference")

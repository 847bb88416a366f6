"""`dcops lab`: the twin of a lab inventory on this machine."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.errors import UsageError
from dcops.core.settings import Settings
from dcops.lab.service import TwinState
from dcops.wiring.lab import Lab, machine_checks, open_lab, snapshot_key, topology_of

app = typer.Typer(
    no_args_is_help=True,
    help="The twin: every device of a lab inventory as a booted system on this machine, in namespaces of its own.",
    epilog="More: docs/twin.md.",
)
TwinOption = Annotated[
    str | None,
    typer.Option("--twin", metavar="NAME", help="Which twin (default: DCOPS_TWIN, else lab).", show_default=False),
]
LinkArgument = Annotated[str, typer.Argument(metavar="LINK", help="A wide-area link (w1), or a node for its cable.")]
NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node's inventory name.")]
EndOption = Annotated[
    str | None, typer.Option("--end", metavar="NODE", help="Only what leaves this end.", show_default=False)
]


def _lab(twin: str | None) -> Lab:
    lab = open_lab(Settings.load(), twin)
    lab.machine.require_rights()
    return lab


@app.command()
def build(as_json: JsonOption = False) -> None:
    """Build the image below every node, unless it is there.

    The image holds every Debian package and Python wheel a node may need, since nodes have no way out. It is named by
    the hash of all that shaped it; older ones go when no disk uses them. DCOPS_LAB_MIRROR overrides the Debian mirror.

    Examples:
      dcops lab build
      DCOPS_LAB_MIRROR=http://mirror.test/debian dcops lab build
    """
    out = Out(as_json=as_json)
    lab = _lab(None)
    with out.progress("image") as say:
        seconds = lab.service.build(say)
        removed = lab.images.remove_others(lab.images_in_use(), say)
    document = {
        "image": lab.images.fingerprint(),
        "root": str(lab.images.root),
        "seconds": round(seconds, 1),
        "removed": removed,
    }
    words = f"built in {seconds:.1f} s" if seconds else "is there already"
    out.result(document, f"image {lab.images.fingerprint()} {words}")


@app.command()
def up(
    inventory: InventoryOption = None,
    twin: TwinOption = None,
    from_snapshot: Annotated[
        bool,
        typer.Option("--from-snapshot", help="Start from the kept disks, if a snapshot matches and there are none."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the twin up, or what is missing of it; a second call changes nothing.

    Builds the image first if needed. Nodes are drawn from the inventory (default: lab): a new server there is a new
    node here. Nodes that were switched off are started; link faults stay until `heal`.

    Examples:
      dcops lab up
      dcops lab up --twin try -i lab --from-snapshot
    """
    out = Out(as_json=as_json)
    settings = Settings.load()
    name = inventory or settings.inventory or "lab"
    topology, secrets = topology_of(settings, name)
    lab = open_lab(settings, twin, secrets)
    lab.machine.require_rights()
    key = snapshot_key(lab, name) if from_snapshot else None
    with out.progress(f"twin {lab.twin.name}") as say, lab.alone("up"):
        result = lab.service.up(topology, say, snapshot=key)
        if result.started:
            lab.record(
                "up",
                nodes=list(result.started),
                image=lab.images.fingerprint(),
                snapshot=(key or "") if result.is_restored else "",
                duration_seconds=round(result.seconds, 1),
            )
    stages = {stage.name: stage.seconds for stage in result.stages}
    document = {
        "twin": lab.twin.name,
        "nodes_up": result.nodes,
        "started": result.started,
        "restored": key if result.is_restored else None,
        "seconds": round(result.seconds, 1),
        "stages": stages,
    }
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in stages.items() if seconds >= 0.05)
    counts = f"{result.nodes} nodes up, {len(result.started)} started"
    out.result(document, f"twin {lab.twin.name}: {counts}, {result.seconds:.1f} s ({times})")


@app.command()
def down(
    twin: TwinOption = None,
    keep_disks: Annotated[
        bool, typer.Option("--keep-disks", help="Shut nodes down in order and keep what they wrote.")
    ] = False,
    purge: Annotated[bool, typer.Option("--purge", help="Forget the twin's keys and secrets, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take the twin away: its processes, mounts, namespaces and control groups, and nothing else.

    Works from any state, also when the supervisor was killed. Disks are deleted unless --keep-disks; keys and secrets
    stay for the next `up` unless --purge; images and snapshots always stay.

    Examples:
      dcops lab down
      dcops lab down --keep-disks
    """
    out = Out(as_json=as_json)
    lab = _lab(twin)
    with out.progress(f"twin {lab.twin.name}"), lab.alone("down"):
        was_present = lab.service.down(keep_disks=keep_disks)
        if purge:
            lab.machine.purge()
        if was_present:
            lab.record("down")
    text = "down" if was_present else "was down already"
    out.result({"twin": lab.twin.name, "was_up": was_present}, f"twin {lab.twin.name}: {text}")


@app.command()
def status(twin: TwinOption = None, as_json: JsonOption = False) -> None:
    """Show every node, the faults in force and the pages on 127.0.0.1; exit 1 when a node does not answer.

    Examples:
      dcops lab status
      dcops lab status --json
    """
    out = Out(as_json=as_json)
    lab = _lab(twin)
    state = lab.service.status()
    if as_json:
        out.json({"twin": lab.twin.name, **asdict(state)})
    else:
        _show(out, lab, state)
    if not state.is_up or not all(node.answers for node in state.nodes):
        raise typer.Exit(1)


@app.command(name="exec", context_settings={"ignore_unknown_options": True})
def exec_(
    node: NodeArgument,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD...", help="The command and its arguments.")],
    twin: TwinOption = None,
    tty: Annotated[bool | None, typer.Option("--tty/--no-tty", help="Force a terminal or none.")] = None,
) -> None:
    """Run a command on a node and give its exit code; standard input, output and error are passed through.

    Words are passed as they are; for a pipe or a variable say: sh -c '...'.

    Examples:
      dcops lab exec jkt-db1 -- systemctl status postgresql@17-main
      dcops lab exec jkt-ops1 -- sh -c 'dcops records list | head'
    """
    raise typer.Exit(_call(twin, node, command, tty))


@app.command()
def ssh(node: NodeArgument, twin: TwinOption = None) -> None:
    """Open a shell on a node.

    Examples:
      dcops lab ssh drc-ops1
    """
    raise typer.Exit(_call(twin, node, [], True))


@app.command()
def cut(
    link: LinkArgument,
    silent: Annotated[bool, typer.Option("--silent", help="Frames vanish, carrier stays: nobody is told.")] = False,
    end: EndOption = None,
    twin: TwinOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cut a link: both ends lose carrier, or with --silent nobody notices.

    Examples:
      dcops lab cut w1
      dcops lab cut w1 --silent --end pdn-rtr1
    """
    _fault(twin, as_json, {"verb": "cut", "target": link, "silent": silent, "end": end}, f"{link} is cut")


@app.command()
def heal(link: LinkArgument, twin: TwinOption = None, as_json: JsonOption = False) -> None:
    """Take every fault off a link.

    Examples:
      dcops lab heal w1
    """
    _fault(twin, as_json, {"verb": "heal", "target": link}, f"{link} is healed")


@app.command()
def shape(
    link: LinkArgument,
    rate: Annotated[str | None, typer.Option(metavar="BITS", help="Bits per second, such as 512k or 10M.")] = None,
    loss: Annotated[
        float, typer.Option(min=0, max=100, metavar="PERCENT", help="Frames lost each way, in percent.")
    ] = 0.0,
    delay: Annotated[
        str | None, typer.Option(metavar="TIME", help="Delay each way, such as 20ms; needs netem.")
    ] = None,
    end: EndOption = None,
    twin: TwinOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a link slow or lossy until `heal`; exit 2 when the kernel cannot do it.

    Examples:
      dcops lab shape w1 --rate 512k --loss 5
    """
    if rate is None and not loss and delay is None:
        raise UsageError("nothing to shape", hint="Name --rate, --loss or --delay.")
    request = {"verb": "shape", "target": link, "rate": rate, "loss": loss / 100, "delay": delay, "end": end}
    _fault(twin, as_json, request, f"{link} is shaped")


@app.command()
def stop(node: NodeArgument, twin: TwinOption = None, as_json: JsonOption = False) -> None:
    """Switch a node off as a power cut would: its cables go dead, then every process ends. Its disk stays.

    Examples:
      dcops lab stop jkt-db1
    """
    _fault(twin, as_json, {"verb": "stop", "target": node}, f"{node} is off")


@app.command()
def start(node: NodeArgument, twin: TwinOption = None, as_json: JsonOption = False) -> None:
    """Switch a node on and wait until its SSH server answers.

    Examples:
      dcops lab start jkt-db1
    """
    out, lab = Out(as_json=as_json), _lab(twin)
    seconds = lab.service.start_node(lab.topology(), node)
    out.result({"node": node, "seconds": round(seconds, 2)}, f"{node} is on, SSH after {seconds:.1f} s")


@app.command()
def snapshot(
    inventory: InventoryOption = None,
    twin: TwinOption = None,
    force: Annotated[bool, typer.Option("--force", help="Take it again although one matches.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep the twin as it is, so that `up --from-snapshot` starts from there.

    Shuts every node down in order, copies the disks and keys, boots again. Named by the hash of image, inventory,
    playbooks, monitors, templates and requirements; a change of any makes it match no more.

    Examples:
      dcops lab snapshot
      dcops lab snapshot --force
    """
    out, lab = Out(as_json=as_json), _lab(twin)
    key = snapshot_key(lab, inventory or lab.settings.inventory or "lab")
    if lab.snapshots.has(key) and not force:
        out.result({"snapshot": key, "taken": False}, f"snapshot {key} is there already")
        return
    with out.progress("snapshot") as say, lab.alone("snapshot"):
        size, stages = lab.service.snapshot(lab.topology(), key, say)
        seconds = sum(stage.seconds for stage in stages)
        lab.record("snapshot", snapshot=key, duration_seconds=round(seconds, 1))
    times = {stage.name: stage.seconds for stage in stages}
    document = {"snapshot": key, "taken": True, "size_bytes": size, "stages": times}
    words = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items())
    out.result(document, f"snapshot {key}: {size / 1e6:.0f} MB ({words})")


@app.command()
def forward(
    target: Annotated[
        str | None, typer.Argument(metavar="[NODE:PORT]", help="Add one; without it, list them.", show_default=False)
    ] = None,
    local_port: Annotated[
        int, typer.Option("--local-port", min=0, max=65535, help="Port on 127.0.0.1; 0: a free one.")
    ] = 0,
    twin: TwinOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reach pages and APIs of nodes on 127.0.0.1; they live as long as the twin is up.

    Examples:
      dcops lab forward
      dcops lab forward jkt-ops1:9093
    """
    out, lab = Out(as_json=as_json), _lab(twin)
    if target is None:
        rows = lab.supervisor.ask({"verb": "forwards"})["result"]
        out.json(rows) if as_json else out.table([[r["name"], r["url"]] for r in rows], ["PAGE", "URL"])
        return
    node, _, port = target.partition(":")
    if not port.isdigit():
        raise UsageError(f'"{target}" is not NODE:PORT', hint="Such as jkt-ops1:9090.")
    request = {"verb": "forward", "target": node, "port": int(port), "local_port": local_port}
    added = lab.supervisor.ask(request)["result"]
    out.result(added, f"{added['name']} on 127.0.0.1:{added['local_port']}")


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what this machine lacks for a twin, each with what to do; exit 1 when something needed is missing.

    Examples:
      dcops lab doctor
    """
    out = Out(as_json=as_json)
    checks = machine_checks()
    rows = [[c.name, "ok" if c.is_ok else ("missing" if c.is_needed else "absent"), c.found, c.hint] for c in checks]
    out.json([vars(c) for c in checks]) if as_json else out.table(rows, ["CHECK", "STATE", "FOUND", "WHAT TO DO"])
    if any(c.is_needed and not c.is_ok for c in checks):
        raise typer.Exit(1)


def _call(twin: str | None, node: str, command: list[str], tty: bool | None) -> int:
    lab = _lab(twin)
    wants_tty = tty if tty is not None else sys.stdin.isatty() and sys.stdout.isatty()
    return lab.shell.call(lab.topology().node(node), command, tty=wants_tty)


def _fault(twin: str | None, as_json: bool, request: Mapping[str, object], text: str) -> None:
    out, lab = Out(as_json=as_json), _lab(twin)
    lab.topology()
    lab.supervisor.ask(dict(request))
    out.result({k: v for k, v in request.items() if v not in (None, False)}, text)


def _show(out: Out, lab: Lab, state: TwinState) -> None:
    if not state.nodes:
        out.line(f"twin {lab.twin.name}: down. Start it with: dcops lab up")
        return
    rows = [
        [n.name, n.site, ",".join(n.roles), n.state, n.address, n.management_address, f"{n.memory_bytes / 1e6:.0f} MB"]
        for n in state.nodes
    ]
    out.table(rows, ["NODE", "SITE", "ROLES", "STATE", "ADDRESS", "MANAGEMENT", "MEMORY"])
    out.line("")
    out.line(f"supervisor: {'runs' if state.supervisor else 'does not run; dcops lab up starts it again'}")
    for fault in state.faults:
        words = ", ".join(f"{name} {value}" for name, value in fault.items() if name not in ("link", "fault"))
        out.line(f"fault: {fault['link']} {fault['fault']}" + (f" ({words})" if words else ""))
    for page in state.forwards:
        out.line(f"page: {page['name']} {page['url']}")

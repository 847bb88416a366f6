"""`dcops inventory`: read the inventory, check it, and give it to other programs. Nothing here writes."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, reading_inventory
from dcops.core.clock import WIB, utc_now
from dcops.core.errors import Problem, SpecError, UsageError
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean, plural
from dcops.inventory import Device, Inventory
from dcops.inventory.ansible import universe
from dcops.inventory.debt import DebtKind, debts
from dcops.inventory.describe import Description, describe, sections
from dcops.inventory.discovery import Job, table, targets
from dcops.inventory.graph import Edge, edges, reachable
from dcops.inventory.pattern import require
from dcops.wiring.inventory import inventory_names, open_inventory

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What should be: sites, racks, devices, networks, applications. All verbs only read.",
    epilog="The files and every field: docs/inventory.md. For Ansible: ansible-inventory -i inventory/lab/hosts --list",
)
EverythingOption = Annotated[
    bool,
    typer.Option("--everything", help="Also devices of sites that are not managed here, retired and abstract ones."),
]


def _open(name: str | None) -> Inventory:
    """Give the inventory to read: the one named, or this host's own, or `lab`."""
    settings = Settings.load()
    return open_inventory(settings, reading_inventory(settings, name))


def _chosen(inventory: Inventory, pattern: str, *, everything: bool) -> list[Device]:
    """Give the devices a pattern chooses, in its order. Raises UsageError when it chooses none."""
    if everything and pattern == "all":
        return list(inventory.devices.values())
    return [inventory.devices[name] for name in require(pattern, universe(inventory, everything=everything))]


@app.command(
    epilog="Exit codes: 0 valid; 2 no such inventory; 3 invalid, every problem is listed with file, line and remedy."
)
def validate(
    inventory: InventoryOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every inventory under inventory/.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check an inventory: shapes, names, addresses, racks, power, dependencies.

    All problems are reported at once, each as FILE:LINE: PATH: WHAT IS WRONG. WHAT TO DO.

    \b
    Examples:
      dcops inventory validate -i lab
      dcops inventory validate --all --json
    """
    settings, out = Settings.load(), Out(as_json=as_json)
    names = inventory_names(settings) if every else (reading_inventory(settings, inventory),)
    problems: list[Problem] = []
    valid: list[Inventory] = []
    for name in names:
        try:
            valid.append(open_inventory(settings, name))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    if as_json:
        out.json([_summary(each) for each in valid])
    for each in valid:
        counts = _summary(each)["counts"]
        said = ", ".join(f"{count} {section}" for section, count in counts.items() if count)
        out.line(f"{each.name}: valid. Environment {each.environment}, revision {each.short_revision}: {said}.")


def _summary(inventory: Inventory) -> dict[str, Any]:
    return {
        "inventory": inventory.name,
        "environment": inventory.environment,
        "revision": inventory.revision,
        "counts": {section: len(items) for section, items in sections(inventory).items()},
    }


@app.command("list", epilog="Exit codes: 0 done; 2 the pattern matches nothing; 3 the inventory is invalid.")
def list_devices(
    pattern: Annotated[str, typer.Argument(help="Which devices; as in Ansible.", show_default=True)] = "all",
    inventory: InventoryOption = None,
    groups: Annotated[bool, typer.Option("--groups", help="The groups and how many they hold, instead.")] = False,
    everything: EverythingOption = False,
    as_json: JsonOption = False,
) -> None:
    """List devices, chosen by a pattern as in Ansible, in the order Ansible gives.

    \b
    Examples:
      dcops inventory list
      dcops inventory list 'database:&drc'
      dcops inventory list 'all:!router'
    """
    found, out = _open(inventory), Out(as_json=as_json)
    if groups:
        _list_groups(found, out, everything=everything)
        return
    devices = _chosen(found, pattern, everything=everything)
    if as_json:
        out.json([_row(found, device) for device in devices])
        return
    columns = ("name", "site", "kind", "roles", "platform", "address", "management", "rack", "mode", "lifecycle")
    rows = []
    for device in devices:
        row = _row(found, device)
        position = f"{row['rack']} u{row['unit']}" if row["rack"] else None
        rows.append(
            [
                {**row, "roles": ", ".join(row["roles"]), "management": row["management_address"], "rack": position}[c]
                for c in columns
            ]
        )
    out.table(rows, columns)


def _row(inventory: Inventory, device: Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "fqdn": device.fqdn,
        "site": device.site,
        "kind": device.kind.value,
        "roles": [role.value for role in device.roles],
        "platform": device.platform,
        "address": device.address,
        "management_address": device.management_address,
        "rack": device.rack,
        "unit": device.unit,
        "mode": inventory.mode_of(device).value,
        "lifecycle": device.lifecycle.value,
        "applications": [each.key for each in inventory.applications_on(device.name)],
    }


def _list_groups(inventory: Inventory, out: Out, *, everything: bool) -> None:
    groups = {
        name: list(members) for name, members in universe(inventory, everything=everything).groups.items() if members
    }
    if out.as_json:
        out.json(groups)
        return
    out.table(
        [(name, len(members), " ".join(members)) for name, members in groups.items()], ("group", "hosts", "members")
    )


@app.command(epilog="Exit codes: 0 done; 2 nothing has that name; 3 the inventory is invalid.")
def show(
    name: Annotated[str, typer.Argument(help="A device, site, rack, link, application, ... or an address.")],
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything the inventory says of one thing, what it needs and what needs it.

    \b
    Examples:
      dcops inventory show jkt-db1
      dcops inventory show naskah_dinas_elektronik
      dcops inventory show 198.18.10.11
    """
    found, out = _open(inventory), Out(as_json=as_json)
    items = describe(found, name)
    if not items:
        known = [word for each in sections(found).values() for word in each]
        close = did_you_mean(name, known)
        hint = f'Did you mean "{close}"?' if close else "Names: dcops inventory list --everything."
        raise UsageError(f'nothing is called "{name}"', where=f"inventory {found.name}", hint=hint)
    if as_json:
        out.json([asdict(item) for item in items])
        return
    for item in items:
        out.line("\n".join(_lines(item)))


def _lines(item: Description) -> list[str]:
    """Write an item as indented lines."""
    lines = [f"{item.section}: {item.name}", *_indented(item.fields)]
    if item.derived:
        lines += ["  derived:", *(f"    {key}: {_cell(value)}" for key, value in item.derived.items())]
    for title, names in (("needs", item.needs), ("needed by", item.needed_by)):
        lines += [f"  {title}:", *(f"    {name}" for name in names)] if names else []
    return lines


def _indented(value: dict[str, Any], depth: int = 1) -> list[str]:
    """Write a mapping as lines; short values on one line, mappings and lists of mappings deeper."""
    lines = []
    margin = "  " * depth
    for key, child in value.items():
        if isinstance(child, dict) and "status" not in child:
            lines += [f"{margin}{key}:", *_indented(child, depth + 1)]
        elif isinstance(child, list) and child and isinstance(child[0], dict):
            lines += [f"{margin}{key}:", *(f"{margin}  - {_cell(each)}" for each in child)]
        else:
            lines.append(f"{margin}{key}: {_cell(child)}")
    return lines


def _cell(value: Any) -> str:
    """Write one value on one line."""
    if isinstance(value, dict) and "status" in value:
        standing = ", ".join(str(value[key]) for key in ("by", "decision", "date") if value.get(key))
        return f"{_cell(value.get('value', 'unset'))} ({value['status']}{': ' if standing else ''}{standing})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(_cell(each) for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


class Form(StrEnum):
    """What `export` writes."""

    PROMETHEUS_SD = "prometheus-sd"
    CSV = "csv"


@app.command(epilog="Exit codes: 0 done; 2 the pattern matches nothing; 3 the inventory is invalid.")
def export(
    form: Annotated[Form, typer.Argument(help="prometheus-sd: target groups as JSON; csv: one line a device.")],
    pattern: Annotated[str, typer.Argument(help="Which devices (csv only); as in Ansible.")] = "all",
    inventory: InventoryOption = None,
    job: Annotated[Job, typer.Option(help="What Prometheus is to scrape.")] = Job.NODE,
    everything: EverythingOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the inventory for other programs, on standard output.

    \b
    Examples:
      dcops inventory export prometheus-sd --job node > targets.json
      dcops inventory export csv > devices.csv
    """
    found, out = _open(inventory), Out(as_json=as_json)
    if form is Form.PROMETHEUS_SD:
        out.json(targets(found, job))
        return
    devices = _chosen(found, pattern, everything=everything)
    if as_json:
        out.json([_row(found, device) for device in devices])
    else:
        typer.echo(table(found, devices), nl=False)


@app.command(epilog="Exit codes: 0 done, whatever is owed; 3 the inventory is invalid.")
def debt(
    inventory: InventoryOption = None,
    kind: Annotated[DebtKind | None, typer.Option(help="Only debt of one kind.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what the inventory does not know yet and what nobody has decided.

    unset: no value. proposed: a value nobody adopted. undocumented: no label or contract. placeholder: an address for
    documentation. custody: a copy production could delete. power: stops with one feed. expired: a contract has ended.

    \b
    Examples:
      dcops inventory debt
      dcops inventory debt --kind unset
      dcops inventory debt -i production --json
    """
    found, out = _open(inventory), Out(as_json=as_json)
    # Contracts end at midnight where the ministry is.
    today = utc_now().astimezone(WIB).date()
    owed = [each for each in debts(found, today) if kind in (None, each.kind)]
    if as_json:
        out.json([asdict(each) for each in owed])
        return
    if owed:
        out.table([(each.kind.value, each.path, each.message) for each in owed], ("kind", "where", "what"))
    counts = {each: sum(entry.kind is each for entry in owed) for each in DebtKind}
    said = ", ".join(f"{count} {name.value}" for name, count in counts.items() if count)
    out.note(f"{plural(len(owed), 'debt')}{': ' if said else ''}{said}")


class GraphForm(StrEnum):
    """How `graph` writes."""

    TEXT = "text"
    DOT = "dot"


@app.command(epilog="Exit codes: 0 done; 2 nothing has that name; 3 the inventory is invalid.")
def graph(
    name: Annotated[str | None, typer.Argument(help="Only what this needs and what needs it.")] = None,
    inventory: InventoryOption = None,
    form: Annotated[GraphForm, typer.Option("--format", help="text, or dot for Graphviz.")] = GraphForm.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Show what depends on what: applications, services, devices, power, links.

    With NAME: everything it needs, near and far, and everything that stops when it does.

    \b
    Examples:
      dcops inventory graph jkt-db1
      dcops inventory graph --format dot | dot -Tsvg > graph.svg
    """
    found, out = _open(inventory), Out(as_json=as_json)
    every = edges(found)
    if name is None:
        _print_edges(every, out, form)
        return
    nodes = {word for edge in every for word in (edge.source, edge.target)}
    starts = sorted(word for word in nodes if word == name or word.partition(":")[2] == name)
    if not starts:
        close = did_you_mean(name, [word.partition(":")[2] for word in nodes])
        hint = f'Did you mean "{close}"?' if close else "It may depend on nothing; dcops inventory show NAME tells."
        raise UsageError(f'nothing in the graph is called "{name}"', hint=hint)
    if form is GraphForm.DOT:
        near = {
            word
            for start in starts
            for back in (False, True)
            for word in (start, *reachable(start, every, backwards=back))
        }
        _print_edges(tuple(edge for edge in every if {edge.source, edge.target} <= near), out, form)
        return
    answer = {
        start: {"needs": reachable(start, every), "needed_by": reachable(start, every, backwards=True)}
        for start in starts
    }
    if as_json:
        out.json(answer)
        return
    for start, both in answer.items():
        out.line("\n".join([start, "  needs:", *_words(both["needs"]), "  needed by:", *_words(both["needed_by"])]))


def _words(names: tuple[str, ...]) -> list[str]:
    return [f"    {name}" for name in names] or ["    nothing"]


def _print_edges(every: tuple[Edge, ...], out: Out, form: GraphForm) -> None:
    if out.as_json:
        out.json([asdict(edge) for edge in every])
    elif form is GraphForm.DOT:
        lines = [f'  "{edge.source}" -> "{edge.target}" [label="{edge.kind}"];' for edge in every]
        typer.echo("\n".join(["digraph inventory {", "  rankdir=LR;", *lines, "}"]))
    else:
        out.table([(edge.source, edge.kind, edge.target) for edge in every], ("what", "how", "needs"))

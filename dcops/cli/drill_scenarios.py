"""`dcops drill list`, `lint`, `show`: the scenarios as they are written."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.errors import SpecError

if TYPE_CHECKING:
    from dcops.drills.model import Drill
    from dcops.wiring.drills import Drills

NameArgument = Annotated[str, typer.Argument(metavar="DRILL", help="A scenario's name; see dcops drill list.")]


def list_(inventory: InventoryOption = None, as_json: JsonOption = False) -> None:
    """List the scenarios: name, kind, application, where they run, and problems if any.

    \b
    Examples:
      dcops drill list
    """
    from dcops.cli.drill import open_drills_here

    out = Out(as_json=as_json)
    drills = open_drills_here(inventory)
    rows = []
    for name in drills.names():
        drill, problems = drills.check(name)
        body = drill.spec if drill else None
        rows.append({
            "name": name,
            "type": body.type if body else None,
            "app": body.scope.app if body else None,
            "run_at": body.scope.run_at if body else None,
            "title": drill.metadata.title if drill else None,
            "problems": len(problems),
        })  # fmt: skip
    if as_json:
        out.json({"drills": rows})
    else:
        cells = [(r["name"], r["type"], r["app"], r["run_at"], r["problems"] or "none") for r in rows]
        out.table(cells, ("drill", "type", "app", "runs at", "problems"))


def lint(
    names: Annotated[list[str] | None, typer.Argument(metavar="[DRILL]...", help="Default: all.")] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check scenarios: every problem with its file and line (exit 3 when there is one).

    What changes something must be rolled back; each drill has at least one negative control; recovery steps use nothing
    that production would not have.

    \b
    Examples:
      dcops drill lint
      dcops drill lint naskah-db-loss
    """
    from dcops.cli.drill import open_drills_here

    out = Out(as_json=as_json)
    drills = open_drills_here(inventory)
    chosen = names or list(drills.names())
    problems = [problem for name in chosen for problem in drills.check(name)[1]]
    if problems:
        raise SpecError(problems)
    out.result({"drills": chosen, "problems": []}, f"{len(chosen)} drills, no problem")


def show(name: NameArgument, inventory: InventoryOption = None, as_json: JsonOption = False) -> None:
    """Show a scenario phase by phase, in the waves in which its steps may run.

    \b
    Examples:
      dcops drill show naskah-db-loss
    """
    from dcops.cli.drill import open_drills_here

    drills = open_drills_here(inventory)
    drill = drills.load(name)
    show_drill(Out(as_json=as_json), drills, drill)


def show_drill(out: Out, drills: "Drills", drill: "Drill") -> None:
    """Print a drill's steps, roles, what ends it early, and its controls."""
    from dcops.drills.graph import waves
    from dcops.drills.watching import describe

    rows: list[dict[str, Any]] = [
        {
            "phase": phase.value,
            "wave": number,
            "id": step.id,
            "uses": step.uses,
            "blast": drills.catalogue.blast(step.uses).name.lower(),
            "with": dict(step.parameters),
            "undoes": list(step.undoes),
        }
        for phase, steps in drill.spec.phases()
        for number, wave in enumerate(waves(steps), 1)
        for step in wave
    ]
    controls = [control.model_dump() for control in drill.spec.controls]
    if out.as_json:
        document = {"name": drill.name, "title": drill.metadata.title, "spec_sha256": drills.sha256(drill.name)}
        out.json(
            {
                **document,
                "scope": drill.spec.scope,
                "roles": dict(drill.spec.roles),
                "steps": rows,
                "controls": controls,
            }
        )
        return
    out.line(f"{drill.name} version {drill.metadata.version}: {drill.metadata.title.en} ({drill.metadata.title.id})")
    cells = [
        (r["phase"], r["wave"], r["id"], r["uses"], r["blast"], " ".join(f"{k}={v}" for k, v in r["with"].items()))
        for r in rows
    ]
    out.table(cells, ("phase", "wave", "step", "uses", "blast", "with"))
    for role, what in drill.spec.roles.items():
        out.line(f"role {role}: {what.en} ({what.id})")
    window = drill.spec.window.max_duration if drill.spec.window else None
    out.line(f"stopped early by: {', '.join(describe(drill.spec.abort_on, window))}")
    if controls:
        out.line("controls: " + ", ".join(f"{c['id']} ({c['of']} on {c['tamper']})" for c in controls))


def actions(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One action or probe, with its parameters.")
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the actions and probes that scenarios may use; with NAME one of them and its parameters.

    Blast says how much it can break: observe, change, disrupt. How to write one: docs/write-a-drill.md.

    \b
    Examples:
      dcops drill actions
      dcops drill actions database.restore
    """
    from dcops.cli.drill import open_drills_here
    from dcops.core.errors import UsageError
    from dcops.core.text import did_you_mean
    from dcops.core.units import format_duration
    from dcops.drills.describe import describe_all

    out = Out(as_json=as_json)
    found = describe_all(open_drills_here(inventory).catalogue)
    if name is not None:
        chosen = [each for each in found if each.name == name]
        if not chosen:
            guess = did_you_mean(name, (each.name for each in found))
            hint = f'Did you mean "{guess}"?' if guess else "List: dcops drill actions."
            raise UsageError(f'"{name}" is no action and no probe', hint=hint)
        found = chosen
    if as_json:
        out.json({"actions": found})
        return
    cells = [(each.name, each.kind, each.blast, each.summary, ", ".join(each.undone_by) or None) for each in found]
    out.table(cells, ("name", "kind", "blast", "what it does", "undone by"))
    if name is not None:
        (one,) = found
        out.line("")
        rows = [(each.name, each.type, "must be given" if each.default is None else each.default)
                for each in one.parameters]  # fmt: skip
        out.table(rows, ("with", "type", "default"))
        flags = f"; {', '.join(one.flags)}" if one.flags else ""
        out.line(f"given up after {format_duration(one.timeout_seconds)}{flags}")

"""`dcops net service`: who announces a service address, and moving it between sites."""

from __future__ import annotations

from typing import Annotated

import typer

from dcops.cli.common import CheckOption, InventoryOption, JsonOption, Out, PlanIdOption, YesOption, confirm
from dcops.cli.net_session import Session, acting, looking, vars_of
from dcops.core.clock import utc_now
from dcops.core.exitcodes import ExitCode
from dcops.core.words import BlastClass, Environment
from dcops.network.model import MoveOrder, ServiceState
from dcops.runs.plan import Plan, PlannedStep, make_plan, require_seen

service_app = typer.Typer(no_args_is_help=True, help="Service addresses: who announces them, and moving them.")


@service_app.command("show")
def service_show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A service address of the inventory.")] = None,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show which routers announce each service address now.

    \b
    Examples:
      dcops net service show
      dcops net service show naskah --json
    """
    out = Out(as_json=json)
    with looking(inventory, out) as session:
        states = session.services(name)
    if json:
        out.json([vars_of(state) for state in states])
        return
    rows = [
        (s.name, s.prefix, s.home_site, " ".join(s.sites) or None, " ".join(s.announced_by), " ".join(s.unread) or None)
        for s in states
    ]
    out.table(rows, ("service", "prefix", "home", "announced at", "by", "not read"))


@service_app.command("move")
def service_move(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A service address of the inventory.")],
    to: Annotated[str, typer.Option("--to", metavar="SITE", help="The site that shall serve.")],
    order: Annotated[
        MoveOrder, typer.Option("--order", help="withdraw-first: a short gap; announce-first: no gap, two answers.")
    ] = MoveOrder.WITHDRAW_FIRST,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    yes: YesOption = False,
    plan_id: PlanIdOption = None,
    json: JsonOption = False,
) -> None:
    """Have one site alone announce a service address: static route and BGP network change together.

    A stateful service (the default order) withdraws first: a gap of about a second, but never two sites answering.
    Routers of a site that is lost cannot withdraw; they are named, and the other site announces all the same.

    Exit codes: 0 moved or already there, 4 --check: it would move, 6 not wholly moved, 7 refused.

    \b
    Examples:
      dcops net service move naskah --to drc
      dcops net service move naskah --to jkt --order announce-first --yes
      dcops net service move naskah --to drc --yes --plan-id 3f9a0c51d2e7
    """
    from dcops.network.service import move_service

    out = Out(as_json=json)
    with acting("net service move", inventory, out, writes=not check) as session:
        session.tools.network.service(name)
        if check:
            (state,) = session.services(name)
            plan = _move_plan(session, state, to, order)
            code = ExitCode.DONE if state.sites == (to,) else ExitCode.DIFFERENCES
            session.finish({"service": name, "check": True}, code)
            text = (
                f"{name} is announced at {' '.join(state.sites) or 'no site'}, wanted at {to}\nplan {plan.plan_id[:12]}"
            )
            out.result({**vars_of(state), "plan": plan.plan_id}, text)
            if code:
                raise typer.Exit(code)
            return
        if plan_id or session.inventory.environment is Environment.PRODUCTION:
            (state,) = session.services(name)
            require_seen(_move_plan(session, state, to, order), yes=yes, named=plan_id)
        confirm(f"Move {name} to {to}?", yes=yes)
        with out.progress(f"move {name} to {to}") as step:
            move = move_service(
                session.tools.network,
                name,
                to,
                writer=session.writer(),
                record=session.run.record,
                order=order,
                token=session.token,
                report=step,
            )
        session.finish({"service": name, "to": to, "seconds": round(move.seconds, 3)}, ExitCode.DONE)
    text = f"{name}: {' '.join(move.before.sites) or 'no site'} -> {to} in {move.seconds:.1f} s"
    out.result({"run": session.run.run_id, **vars_of(move)}, "\n".join((text, *move.notes)))


def _move_plan(session: Session, state: ServiceState, to: str, order: MoveOrder) -> Plan:
    """Give the move as a plan, made from where the address is announced now."""
    steps = [
        *(PlannedStep(name="withdraw", target=site, blast=BlastClass.DISRUPT) for site in state.sites if site != to),
        PlannedStep(name="announce", target=to),
    ]
    return make_plan(
        "net service move",
        environment=session.inventory.environment,
        inventory=session.inventory.name,
        inventory_revision=session.inventory.revision,
        state={"service": state.name, "announced_by": sorted(state.announced_by), "unread": sorted(state.unread)},
        made_at=utc_now(),
        steps=steps if order is MoveOrder.WITHDRAW_FIRST else steps[::-1],
    )

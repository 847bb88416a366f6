"""`dcops net restore`: a device's routing brought back to the configuration that is kept of it."""

from __future__ import annotations

from typing import Annotated

import typer

from dcops.cli.common import CheckOption, InventoryOption, JsonOption, Out, YesOption, confirm
from dcops.cli.net_session import acting, overall, vars_of
from dcops.core.errors import Refused
from dcops.core.exitcodes import ExitCode
from dcops.core.words import Environment


def restore(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A device of the inventory.")],
    at: Annotated[str | None, typer.Option("--at", metavar="COMMIT", help="As kept at this commit.")] = None,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Bring a device's routing back to the configuration that is kept of it, for one that was replaced.

    Only the lines dcops owns are sent. A service address is restored only where its site announces it now: a kept
    configuration tells where a service was. A line that held a secret is refused, for secrets are kept as hashes.

    Exit codes: 0 done or nothing to do, 4 --check found differences, 5 not reached, 7 refused (another host key,
    observe mode), 8 the device needs a person.

    \b
    Examples:
      dcops net restore jkt-rtr2 --check
      dcops net restore jkt-rtr2 --at 4764a8ad6293
    """
    from dcops.network.service import apply_plans, plan_restore

    out = Out(as_json=json)
    with acting("net restore", inventory, out, writes=not check) as session:
        tools = session.tools
        plan = plan_restore(tools.network, device, reader=tools.reader, history=tools.history, revision=at)
        if not json:
            lines = "\n".join(f"  {line}" for line in plan.diff)
            out.line(
                f"{device}: {len(plan.commands)} lines to send\n{lines}" if plan.commands else f"{device}: as kept"
            )
        if check:
            code = int(ExitCode.DONE if plan.is_empty else ExitCode.DIFFERENCES)
            session.finish({"device": device, "check": True, "lines": len(plan.commands)}, code)
            if json:
                out.json(vars_of(plan))
        else:
            if yes and session.inventory.environment is Environment.PRODUCTION:
                hint = "Leave --yes out: the lines are shown and asked about."
                raise Refused("--yes in production needs a plan", hint=hint)
            if plan.commands:
                confirm(f"Change {device}?", yes=yes)
            writer, record = session.writer(), session.run.record
            (result,) = apply_plans([plan], tools.network, writer=writer, record=record, token=session.token)
            code = overall([result.status])
            session.finish({"device": device, "status": result.status, "lines": len(result.commands)}, code)
            out.result(
                {"run": session.run.run_id, **vars_of(result)}, f"{device}: {result.status} {result.reason}".strip()
            )
        if code:
            raise typer.Exit(code)

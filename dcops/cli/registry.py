"""`dcops registry`: the applications of the catalogue and the links upstream."""

from __future__ import annotations

from typing import Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, reading_inventory
from dcops.core.clock import rfc3339
from dcops.core.errors import UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.words import Status
from dcops.inventory import Inventory, load
from dcops.registry.plan import select
from dcops.registry.service import applications

app = typer.Typer(no_args_is_help=True, help="Applications hosted here and the links upstream (PDN, JIP, SPLP).")


def _inventory(name: str | None) -> tuple[Settings, Inventory]:
    settings = Settings.load()
    return settings, load(settings.inventory_root(reading_inventory(settings, name)))


@app.command()
def apps(
    owner: Annotated[str | None, typer.Option(help="Only those of this owner unit; `unknown`: no owner set.")] = None,
    lifecycle: Annotated[str | None, typer.Option(help="production, or unknown.")] = None,
    criticality: Annotated[str | None, typer.Option(help="critical, important, normal, or unknown.")] = None,
    hosting: Annotated[str | None, typer.Option(help="hosted, not_hosted or external.")] = None,
    text: Annotated[str | None, typer.Option("--text", "-q", help="Words in the key or the name.")] = None,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """List the applications of the catalogue, as anybody may see them.

    \b
    Examples:
      dcops registry apps --hosting hosted
      dcops registry apps -q naskah --json
    """
    out = Out(as_json=json)
    _, found = _inventory(inventory)
    chosen = select(
        applications(found),
        owner=owner,
        lifecycle=lifecycle,
        criticality=criticality,
        hosting=hosting,
        text=text,
    )
    if json:
        out.json({"items": chosen})
        return
    rows = [(a.id, a.name.en, a.role, a.hosting, a.criticality, a.rto_target, a.rpo_target) for a in chosen]
    out.table(rows, ("key", "name", "role", "hosting", "criticality", "RTO", "RPO"))
    out.line(f"{len(chosen)} applications")


@app.command("app")
def application(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The catalogue key.")],
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show one application of the catalogue.

    \b
    Examples:
      dcops registry app naskah_dinas_elektronik
    """
    out = Out(as_json=json)
    _, found = _inventory(inventory)
    by_key = {item.id: item for item in applications(found)}
    if key not in by_key:
        near = did_you_mean(key, by_key)
        raise UsageError(f'application "{key}" is unknown', hint=f'Did you mean "{near}"?' if near else None)
    chosen = by_key[key].model_dump(mode="json")
    lines = [f"{name:<15} {_shown(value)}" for name, value in chosen.items()]
    out.result(chosen, "\n".join(lines))


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return " / ".join(str(item) for item in value.values())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


@app.command()
def upstreams(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="pdn, jip or splp; default: all.")] = None,
    inventory: InventoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show the state of the links upstream, looked at now.

    BGP sessions are read from Prometheus (DCOPS_PROMETHEUS_URL), or from the routers by SNMP while it is silent; the
    far end is asked over HTTPS with its own certificate authority. What could not be seen is `unknown`.

    Exit codes: 0 none failed, 14 one has failed (`fail`).

    \b
    Examples:
      dcops registry upstreams
      dcops registry upstreams pdn --json
    """
    from dcops.wiring.registry import open_board

    out = Out(as_json=json)
    settings, found = _inventory(inventory)
    board = open_board(settings, lambda: found)
    links = (board.link(key),) if key else board.links()
    if json:
        out.json({"items": links})
    else:
        rows = [
            (link.id, link.status.state, rfc3339(link.status.since) if link.status.since else None, link.status.reason)
            for link in links
        ]
        out.table(rows, ("link", "state", "since", "reason"))
    if any(link.status.state is Status.FAIL for link in links):
        raise typer.Exit(ExitCode.POLICY_BROKEN)

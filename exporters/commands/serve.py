"""`dcops-exporter serve`: the HTTP server of metrics and discovery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcops.cli.common import InventoryOption

app = typer.Typer(help="Serve metrics of devices, and discovery, until INT or TERM.")


@app.command()
def serve(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0: the system chooses.")
    ] = "127.0.0.1:9469",
    inventory: InventoryOption = None,
    auth_file: Annotated[
        Path | None,
        typer.Option(
            "--auth-file", help="How agents are asked; exporters/auths.yml when not said.", show_default=False
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="ADDRESS:PORT", help="An agent to ask beside the inventory's; repeatable."),
    ] = None,
) -> None:
    """Serve until INT or TERM: /snmp, /sd/snmp, /sd/node, /metrics, /-/healthy, /-/ready.

    It listens where it is told and nowhere else. Exit codes: 0 stopped, 1 it cannot listen there, 3 the inventory is
    invalid.

    \b
    Examples:
      dcops-exporter serve
      dcops-exporter serve --listen 127.0.0.1:9470 -i lab
    """
    from dcops.core.settings import Settings
    from dcops.wiring.serve import serve as run
    from exporters.app import create_app, make_context

    context = make_context(Settings.load(), inventory, also or (), auth_file)
    run(create_app(context), listen, name="dcops-exporter")

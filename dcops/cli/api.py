"""`dcops api`: serve the registry over HTTP, or print what it offers."""

from __future__ import annotations

from typing import Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out, reading_inventory
from dcops.core.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Serve the registry and its status over HTTP.")


@app.command()
def serve(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0: the system chooses.")
    ] = "127.0.0.1:8080",
    inventory: InventoryOption = None,
    json: JsonOption = False,  # noqa: ARG001 - every verb takes it; a server prints nothing on standard output
) -> None:
    """Serve until INT or TERM: /v1/apps, /v1/upstreams, /livez, /readyz, /metrics, /openapi.json.

    Read only, and only fields that anybody may see. It listens where it is told and nowhere else; put a proxy with TLS
    in front for other machines. Exit codes: 0 stopped, 1 it cannot listen there, 3 the inventory is invalid.

    \b
    Examples:
      dcops api serve
      dcops api serve --listen 127.0.0.1:8081 -i lab
    """
    from dcops.api.app import create_app
    from dcops.api.context import Context
    from dcops.wiring.api import open_api
    from dcops.wiring.serve import serve as run

    settings = Settings.load()
    parts = open_api(settings, reading_inventory(settings, inventory))
    context = Context(parts.source.get, lambda: parts.source.error, parts.board)
    run(create_app(context), listen, name="dcops api")


@app.command()
def openapi(inventory: InventoryOption = None, json: JsonOption = False) -> None:  # noqa: ARG001 - it is JSON anyway
    """Print the OpenAPI document of the API.

    \b
    Examples:
      dcops api openapi > openapi.json
    """
    from dcops.api.app import create_app
    from dcops.api.context import Context
    from dcops.wiring.api import open_api

    settings = Settings.load()
    parts = open_api(settings, reading_inventory(settings, inventory))
    Out(as_json=True).json(create_app(Context(parts.source.get, lambda: None, parts.board)).openapi())

"""Renders intended configurations from the templates beside this module, with Jinja2 in strict mode."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from dcops.core.errors import PlanError
from dcops.network.model import RoutingIntent

__all__ = ["TemplateRenderer"]


class TemplateRenderer:
    """Renders `templates/<platform>.j2`. Raise PlanError when a template is missing or names what an intent lacks."""

    def __init__(self, folder: Path | None = None) -> None:
        loader = FileSystemLoader(folder or Path(__file__).parent / "templates")
        # Configurations are no HTML: escaping would damage them.
        self._environment = Environment(
            loader=loader,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # noqa: S701
        )

    def __call__(self, platform: str, intent: RoutingIntent) -> str:
        """The intended configuration of one router, in the device's own words."""
        try:
            return self._environment.get_template(f"{platform}.j2").render(intent=intent)
        except TemplateError as error:
            raise PlanError(f"template {platform}.j2: {error}", where=intent.device) from error

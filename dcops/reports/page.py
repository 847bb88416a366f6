"""Pages from templates: one Jinja2 template gives the HTML, and the PDF is made of that HTML."""

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PLAIN = re.compile(r"[^A-Za-z0-9 .,:/_-]")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dcops.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css"] = css_string
    return environment


def render_page(template: str, values: dict[str, Any]) -> str:
    """Give a page: `template` is a file of `templates/`, everything in `values` is escaped unless it is Markup.

    The same values give the same bytes; nothing of the page comes from outside.
    """
    return _environment().get_template(template).render(values)


def css_string(text: str) -> Markup:
    """Give a text as a string of CSS, in quotes; what could end string or style element is written by number."""
    escaped = _PLAIN.sub(lambda found: f"\\{ord(found[0]):x} ", text)
    return Markup(f'"{escaped}"')  # noqa: S704 - what is left of the text is letters, digits and a few signs


def picture(svg: str) -> Markup:
    """Give a picture that a page takes as it is; whoever drew it has escaped what is in it."""
    return Markup(svg)  # noqa: S704 - see timeline.py

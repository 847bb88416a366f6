"""Runbooks and manuals as plain HTML that any browser shows from a disk: no script, no style sheet, no picture."""

import re
from collections.abc import Mapping
from html import escape

from markdown_it import MarkdownIt

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
{body}</body>
</html>
"""
_LINK = re.compile(r'href="(?:\.\./)*(?:docs/|runbooks/)?([A-Za-z0-9_-]+)\.md(#[^"]*)?"')


def render_pages(texts: Mapping[str, str]) -> dict[str, bytes]:
    """Return file name -> HTML for Markdown texts by page name, and an index.html over them, in the order of names."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    pages = {}
    for name, text in sorted(texts.items()):
        body = _LINK.sub(r'href="\1.html\2"', renderer.render(text))
        pages[f"{name}.html"] = _PAGE.format(title=escape(name), body=body).encode()
    items = "".join(f'<li><a href="{escape(name)}">{escape(name.removesuffix(".html"))}</a></li>\n' for name in pages)
    pages["index.html"] = _PAGE.format(title="Pages", body=f"<h1>Pages</h1>\n<ul>\n{items}</ul>\n").encode()
    return pages

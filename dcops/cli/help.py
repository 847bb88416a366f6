"""Help texts in the width of the terminal: the source breaks their lines where it likes."""

from typing import Any

_AS_WRITTEN = "\b\n"


def flow(text: str) -> str:
    """Give `text` with each paragraph as one line, for the terminal to fold.

    A paragraph that holds an indented line, as examples do, stays as it is written.
    """
    paragraphs = (each.replace("\b", "").strip("\n") for each in text.split("\n\n"))
    return "\n\n".join(_flow(each) for each in paragraphs if each)


def _flow(paragraph: str) -> str:
    lines = paragraph.splitlines()
    if any(line.startswith(" ") for line in lines):
        return _AS_WRITTEN + paragraph
    return " ".join(lines)


def flow_all(command: Any) -> None:
    """Let the help of a command, and of all below it, flow."""
    if command.help:
        command.help = flow(command.help)
    for child in getattr(command, "commands", {}).values():
        flow_all(child)

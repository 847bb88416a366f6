"""What is the same everywhere on the command line holds for every verb of every noun."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from dcops.cli.table import NOUNS

# Verbs that hand the terminal over to another program or serve until they are stopped: they have no result to print.
NO_RESULT = {"records exchange", "lab exec", "lab ssh", "lab forward", "lab supervise", "api serve"}


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if not children:
        yield path, command
        return
    for name, child in children.items():
        if not child.hidden:
            yield from _walk(f"{path} {name}", child)


def _verbs() -> list[tuple[str, Any]]:
    found = []
    for noun, (module, _) in NOUNS.items():
        found += list(_walk(noun, typer.main.get_command(importlib.import_module(module).app)))
    return found


VERBS = _verbs()


@pytest.mark.parametrize(("path", "command"), VERBS, ids=[path for path, _ in VERBS])
def test_every_verb_prints_json_and_explains_itself(path: str, command: Any) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    if path not in NO_RESULT:
        assert "--json" in options
    text = command.help or ""
    assert len(text.strip()) > 30, "no help"
    assert "dcops " in text, "the help shows no example"


def test_an_option_has_one_meaning_everywhere() -> None:
    short = {"-i": "--inventory", "-y": "--yes", "-C": "--check", "-l": "--limit", "-f": "--forks", "-D": "--diff"}
    for path, command in VERBS:
        for parameter in command.params:
            for name in parameter.opts:
                if name in short:
                    assert short[name] in parameter.opts, f"{path}: {name} means {parameter.opts}"

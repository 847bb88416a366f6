"""Help texts flow in the width of the terminal; examples stay one a line."""

import importlib

import pytest
import typer

from dcops.cli.help import flow
from dcops.cli.main import run
from dcops.cli.table import NOUNS


def test_a_paragraph_is_one_line_and_examples_stay_as_written() -> None:
    text = "First.\n\nA sentence that\ngoes on.\n\nExamples:\n  dcops a\n  dcops b\n\n\b\nMore:\n  c\n"
    assert flow(text) == ("First.\n\nA sentence that goes on.\n\n\b\nExamples:\n  dcops a\n  dcops b\n\n\b\nMore:\n  c")


def test_no_line_ends_early(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(("backup", "run", "--help")) == 0
    said = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "The database is dumped from one consistent snapshot and streamed into restic;" in said
    assert "dcops backup run --check" in said


@pytest.mark.parametrize("noun", NOUNS)
def test_every_verb_shows_its_examples_one_a_line(noun: str) -> None:
    command = typer.main.get_command(importlib.import_module(NOUNS[noun][0]).app)
    for name, verb in getattr(command, "commands", {}).items():
        text = flow(verb.help or "")
        assert "Examples: dcops" not in text, f"{noun} {name}"

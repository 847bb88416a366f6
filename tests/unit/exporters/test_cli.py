"""The program `dcops-exporter`: its verbs, its errors in one line, its exit codes."""

from __future__ import annotations

import json

import pytest

from exporters.cli import VERBS, run


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb}" in text for verb in VERBS)
    assert run([]) == 2


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert f"dcops-exporter {verb}" in capsys.readouterr().out


def test_an_unknown_verb_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serv"]) == 2
    assert capsys.readouterr().err == (
        f'dcops-exporter: "serv" is no verb. Did you mean serve? Verbs: {", ".join(VERBS)}.\n'
    )


def test_an_unknown_option_names_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--lisen", "x"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("dcops-exporter: serve: No such option")
    assert error.endswith("See dcops-exporter serve --help\n")
    assert error.count("\n") == 1


def test_errors_are_json_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nothing", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 2

"""Parameters in the words of people who write YAML."""

from pathlib import Path
from typing import Literal

import pytest

from dcops.cli.main import run as dcops
from dcops.core.units import Seconds
from dcops.core.words import BlastClass, Frozen, Text
from dcops.drills.describe import describe_all
from dcops.drills.kinds import Action, Catalogue
from dcops.drills.model import Outcome


class Everything(Frozen):
    """One of each."""

    device: str
    text: Text
    names: tuple[str, ...]
    kind: Literal["soft", "hard"] = "soft"
    within: Seconds = 90.0
    delay: Seconds | None = None
    rate: float = 0.5
    count: int = 3
    fresh: bool = False
    note: str | None = None


def test_each_type_has_its_word_and_its_default() -> None:
    action = Action("a.b", "Do it", Everything, BlastClass.DISRUPT, lambda *_: Outcome(detail=""),
                    undone_by=("a.c",), is_fault=True, promotes=True)  # fmt: skip
    (found,) = describe_all(Catalogue({"a.b": action}, {}))
    assert (found.kind, found.blast, found.undone_by, found.flags) == (
        "action", "disrupt", ("a.c",), ("is_fault", "promotes")
    )  # fmt: skip
    assert [(each.name, each.type, each.default) for each in found.parameters] == [
        ("device", "text", None),
        ("text", "{id, en}", None),
        ("names", "list of text", None),
        ("kind", "soft or hard", "soft"),
        ("within", "duration", "90s"),
        ("delay", "duration", "none"),
        ("rate", "number", "0.5"),
        ("count", "whole number", "3"),
        ("fresh", "true or false", "false"),
        ("note", "text", "none"),
    ]


def test_the_verb_tells_one_and_suggests_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path))
    assert dcops(["drill", "actions", "manual.task"]) == 0
    told = capsys.readouterr().out
    assert "Ask a person to do something" in told
    assert ["timeout", "duration", "900s"] in [line.split() for line in told.splitlines()]
    assert dcops(["drill", "actions", "manual.tsk"]) == 2
    assert 'Did you mean "manual.task"?' in capsys.readouterr().err

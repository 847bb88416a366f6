"""The calendar of the lab through the command line: every shipped drill is in it, in the table and in the file."""

import json
from pathlib import Path

import pytest

from dcops.cli.main import run as dcops

ROOT = Path(__file__).parents[3]


def test_every_shipped_drill_is_planned_and_never_two_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DCOPS_IDENTITY", str(tmp_path / "none"))
    file = tmp_path / "drills.ics"
    assert dcops(["drill", "calendar", "--inventory", "lab", "--json", "--ics", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    names = {path.stem for path in (ROOT / "dr_drills/scenarios").glob("*.yml")}
    assert {each["drill"] for each in told["drills"]} == names
    assert told["left_out"] == []
    begins = [each["begin"] for each in told["drills"]]
    assert len(set(begins)) == len(begins)
    text = file.read_bytes().decode()
    assert text.count("BEGIN:VEVENT\r\n") == len(names)
    assert text.count("GLADI / REHEARSAL") == len(names)

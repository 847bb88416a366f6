"""A tabletop whose process dies or is stopped while it waits for people; needs no twin."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from dcops.cli.main import run as dcops
from dcops.drills.answers import write_answer
from dcops.wiring.drill_people import answer_of
from tests.integration.drills.test_tabletop import FIRST, REST, answer_all, events, wait_until

pytestmark = [pytest.mark.deep]


def test_killed_while_it_waits_it_is_gone_on_with_and_keeps_its_answers(
    started: tuple[subprocess.Popen[bytes], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process, run = started
    answer_all(run, tmp_path, FIRST)
    wait_until(lambda: '"id":"tell"' in events(tmp_path) or '"id":"hold-copies"' in events(tmp_path))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    capsys.readouterr()
    assert dcops(["drill", "answer", run, "shut-links", "--not-done"]) == 0  # nobody waits, and it is kept
    assert "no process waits for it: dcops drill resume" in capsys.readouterr().err
    for name in REST[1:]:  # as people at other terminals would while the resumed run waits
        write_answer(tmp_path / "state/runs" / run, answer_of(name, is_done=True, note="", person=""))
    assert dcops(["drill", "resume", run, "--json"]) == 20
    result = json.loads(capsys.readouterr().out)
    assert result["verdict"] == "FAIL"
    assert [reason.partition(",")[0] for reason in result["reasons"]] == ["recover shut-links: network: not done"]
    states = {step["id"]: step["state"] for step in result["steps"]}
    assert (states["call"], states["hold-copies"], states["custody"]) == ("ok", "ok", "skipped")
    assert states["open-points"] == "ok", "the table goes on to its end"


def test_aborted_it_waits_no_longer(
    started: tuple[subprocess.Popen[bytes], str], capsys: pytest.CaptureFixture[str]
) -> None:
    process, run = started
    assert dcops(["drill", "abort", run]) == 23
    out, _ = process.communicate(timeout=30)
    assert (json.loads(out)["verdict"], process.returncode) == ("ABORTED", 23)

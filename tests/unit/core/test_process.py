import os
import sys
import time
from pathlib import Path

import pytest

from dcops.core.errors import CommandError, DcopsError, TimedOut
from dcops.core.process import PIPE, run, start


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_output_and_status_come_back() -> None:
    done = run(
        [sys.executable, "-c", "import sys; print(sys.stdin.read().upper()); sys.exit(3)"], input=b"surat", check=False
    )
    assert (done.returncode, done.text.strip()) == (3, "SURAT")


def test_a_failure_names_program_status_and_last_line_and_masks_secrets() -> None:
    script = "import sys; sys.exit('cannot open with hunter22')"
    with pytest.raises(CommandError) as caught:
        run([sys.executable, "-c", script, "hunter22"], secrets=["hunter22"])
    assert "cannot open with ***" in str(caught.value)
    assert "hunter22" not in str(caught.value) + str(caught.value.argv) + caught.value.stderr_tail


def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(TimedOut, match=r"within 0\.5 s"):
        run(["sh", "-c", f"sleep 60 & echo $! > {note}; wait"], timeout_seconds=0.5)
    assert not _alive(int(note.read_text()))


def test_a_timeout_ends_children_that_outlive_the_program(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(TimedOut):
        run(["sh", "-c", f"(trap '' TERM; sleep 60) & echo $! > {note}"], timeout_seconds=0.5)
    deadline = time.monotonic() + 5
    while _alive(int(note.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(int(note.read_text()))


def test_a_missing_program_says_what_to_do() -> None:
    with pytest.raises(DcopsError, match=r"no-such-program.*not installed"):
        run(["no-such-program"])


def test_children_do_not_see_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_CANARY", "hunter22")
    assert "hunter22" not in run(["env"]).text


def test_leaving_the_block_ends_a_running_child() -> None:
    with start(["sleep", "60"], stdout=PIPE) as child:
        pid = child.pid
    assert not _alive(pid)


def test_an_ended_program_leaves_its_daemon_alone(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    run(["sh", "-c", f"sleep 5 >/dev/null 2>&1 </dev/null & echo $! > {note}"])
    pid = int(note.read_text())
    time.sleep(0.05)
    alive = _alive(pid)
    os.kill(pid, 9)
    assert alive

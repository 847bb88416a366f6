"""A drill whose process dies, and a drill on a damaged copy: the world is put back each time."""

import json
import time

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import DRILL, OPERATIONS, drill, start, state, without_power_cycle

pytestmark = [pytest.mark.deep, pytest.mark.twin]


def kill(twin: Twin, run: str) -> None:
    """End the drill's process at once; nothing of it may clean up."""
    pid = json.loads(twin.say(OPERATIONS, "cat", f"/var/lib/dcops/runs/{run}/run.json"))["pid"]
    twin.say(OPERATIONS, "kill", "-9", str(pid))


def wait_for(twin: Twin, run: str, text: str) -> None:
    for _ in range(240):
        if text in twin.run(OPERATIONS, "cat", f"/var/lib/dcops/runs/{run}/events.jsonl").stdout:
            return
        time.sleep(0.5)
    raise AssertionError(f"{text} never came")


def test_killed_while_loading_then_aborted(ready: Twin) -> None:
    before = state(ready)
    run = start(ready)
    kill(ready, run)
    code, result, said = drill(ready, "abort", run)
    assert code == 23, said
    assert result["verdict"] == "ABORTED"
    assert without_power_cycle(state(ready)) == without_power_cycle(before)
    assert drill(ready, "abort", run)[0] == 2, "a run that is rolled back needs nothing more"


def test_killed_while_loading_then_resumed(ready: Twin) -> None:
    before = state(ready)
    run = start(ready)
    kill(ready, run)
    code, result, said = drill(ready, "resume", run)
    assert code == 0, (result.get("reasons"), said[-2000:])
    assert result["verdict"] == "PASS"
    assert without_power_cycle(state(ready)) == without_power_cycle(before)


def test_killed_in_the_rollback_then_aborted(ready: Twin) -> None:
    before = state(ready)
    run = start(ready)
    wait_for(ready, run, '"phase":"rollbacks"')
    kill(ready, run)
    code, _, said = drill(ready, "abort", run)
    assert code == 23, said
    assert without_power_cycle(state(ready)) == without_power_cycle(before)


def test_a_damaged_copy_fails_the_drill_and_is_rolled_back(ready: Twin) -> None:
    before = state(ready)
    pack = ready.say("drc-bkp1", "sh", "-c", "ls -S /srv/restic/jkt/data/*/* | head -n 8").split()
    flip = (
        "import sys\nfor p in sys.argv[1:]: f = open(p, 'r+b'); b = f.read(1); f.seek(0); f.write(bytes([b[0] ^ 255]))"
    )
    ready.say("drc-bkp1", "python3", "-c", flip, *pack)
    try:
        code, result, _ = drill(ready, "run", DRILL, "--yes", "--seed", "1")
    finally:
        ready.say("drc-bkp1", "python3", "-c", flip, *pack)
    assert code == 20
    assert any("load-database" in reason or "restore-files" in reason for reason in result["reasons"])
    assert without_power_cycle(state(ready)) == without_power_cycle(before)

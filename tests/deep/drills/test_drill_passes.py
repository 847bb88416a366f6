"""A whole drill: it passes, measures what the observer measured, reports, and leaves everything as it was."""

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import DRILL, OPERATIONS, drill, state, without_power_cycle

pytestmark = [pytest.mark.deep, pytest.mark.twin]


def test_a_drill_passes_and_leaves_everything_as_it_was(ready: Twin) -> None:
    before = state(ready)
    code, result, said = drill(ready, "run", DRILL, "--yes", "--seed", "5")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert result["verdict"] == "PASS"
    assert result["is_rehearsal"]
    assert abs(result["rto_service_seconds"] - result["observer_rto_seconds"]) <= 1.0
    assert result["lost_acknowledged"] == result["observer_lost_acknowledged"]
    assert result["rto_verified_seconds"] < result["rto_target_seconds"]
    assert result["restored_bytes"] > 200_000_000
    controls = [step for step in result["steps"] if step["phase"] == "controls"]
    assert [step["state"] for step in controls] == ["ok", "ok", "ok"]
    assert without_power_cycle(state(ready)) == without_power_cycle(before)
    text = ready.say(OPERATIONS, "dcops", "drill", "report", result["run"][-8:], "--html", "/root/report.html")
    assert "GLADI / REHEARSAL" in text
    page = ready.say(OPERATIONS, "cat", "/root/report.html")
    assert "GLADI / REHEARSAL" in page
    assert "<svg" in page
    assert result["run"] in ready.say(OPERATIONS, "dcops", "drill", "history")

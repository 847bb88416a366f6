"""The planned return after a promotion: no letter lost, and everything where it was."""

import pytest

from tests.deep.drills.test_drill_promote import roles
from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import drill, state, without_power_cycle

pytestmark = [pytest.mark.deep, pytest.mark.twin]


def test_the_way_home_loses_no_letter(ready: Twin) -> None:
    before, placed = state(ready), roles(ready)
    code, result, said = drill(ready, "run", "naskah-failback", "--yes", "--seed", "3")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert (result["verdict"], result["drill_type"]) == ("PASS", "failback")
    assert result["lost_acknowledged"] == result["observer_lost_acknowledged"] == 0
    assert abs(result["rto_service_seconds"] - result["observer_rto_seconds"]) <= 1.0
    begun = {step["id"]: step["started_at"] for step in result["steps"]}
    assert result["marks"]["t_fault"] == begun["begin-return"], "the outage counts from the planned stop"
    assert begun["written-away"] < begun["begin-return"], "drc served and accepted letters before"
    assert result["restored_bytes"] is None, "a return restores nothing"
    controls = [step for step in result["steps"] if step["phase"] == "controls"]
    assert [step["state"] for step in controls] == ["ok"] * 6
    assert without_power_cycle(state(ready)) == without_power_cycle(before)
    assert roles(ready) == placed

"""A restore drill: the copy is shown to come back, the service never notices, and nothing of the run is left."""

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import drill, state

pytestmark = [pytest.mark.deep, pytest.mark.twin]


def test_a_restore_drill_passes_and_touches_nothing_of_production(ready: Twin) -> None:
    before = state(ready)
    code, result, said = drill(ready, "run", "naskah-restore", "--yes", "--seed", "5")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert (result["verdict"], result["drill_type"], result["executed"]) == ("PASS", "restore", True)
    assert result["restored_bytes"] > 200_000_000
    assert result["rto_service_seconds"] is None
    assert result["rto_verified_seconds"] < result["rto_target_seconds"]
    controls = [step for step in result["steps"] if step["phase"] == "controls"]
    assert [step["state"] for step in controls] == ["ok"] * 7
    assert state(ready) == before
    own = f"dcops_{result['run'].lower()}"
    assert own not in ready.say("drc-app1", "ls", "/var/lib")

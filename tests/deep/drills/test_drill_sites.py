"""A whole site is lost, and a site is cut off: recovered at the other one, never two histories, and all put back."""

import json

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import drill, state, without_power_cycle

pytestmark = [pytest.mark.deep, pytest.mark.twin]


def fresh_backup(twin: Twin) -> None:
    """What is lost is asked for letter by letter, so an old backup makes a long drill."""
    done = twin.run("jkt-ops1", "dcops", "backup", "run", "--app", "naskah_dinas_elektronik", "-i", "lab", timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def permits(twin: Twin) -> dict[str, bool]:
    told = {name: twin.say(name, "site-permit", "status", "--json") for name in ("jkt-app1", "drc-app1")}
    return {name: bool(json.loads(text)["held"]) for name, text in told.items()}


def step(result: dict[str, object], name: str) -> dict[str, object]:
    steps = result["steps"]
    assert isinstance(steps, list)
    found: dict[str, object] = next(each for each in steps if each["id"] == name)
    return found


@pytest.mark.parametrize("name", ["site-loss", "partition"])
def test_a_site_is_recovered_at_the_other_and_put_back(ready: Twin, name: str) -> None:
    fresh_backup(ready)
    before = state(ready)
    code, result, said = drill(ready, "run", name, "--yes", "--seed", "7")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert result["verdict"] == "PASS"
    assert abs(result["rto_service_seconds"] - result["observer_rto_seconds"]) <= 1.0
    assert result["lost_acknowledged"] == result["observer_lost_acknowledged"]
    assert result["rto_verified_seconds"] < result["rto_target_seconds"]
    assert "drc alone may write" in str(step(result, "permit")["detail"])
    if name == "partition":
        assert str(step(result, "one-history")["detail"]).startswith("0 letters acknowledged at jkt after drc could")
        assert "refused" in str(step(result, "old-site-refuses")["detail"])
    assert permits(ready) == {"jkt-app1": True, "drc-app1": False}
    assert without_power_cycle(state(ready)) == without_power_cycle(before)

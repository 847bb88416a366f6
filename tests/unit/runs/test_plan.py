"""The plan envelope: its id is its content, a stale plan is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dcops.core.errors import Refused
from dcops.core.words import BlastClass
from dcops.runs.plan import Plan, PlannedStep, make_plan, render_plan, require_fresh, require_plan_id, require_seen

STATE = {"jkt-rtr1": {"bgp": ["a", "b"]}}


def plan(**changed: Any) -> Plan:
    steps = [
        PlannedStep(name="withdraw", target="jkt-rtr1", blast=BlastClass.CHANGE),
        PlannedStep(name="stop", target="jkt-db1", blast=BlastClass.DISRUPT, detail="kill -9", diff="-a\n+b"),
    ]
    arguments: dict[str, Any] = {
        "environment": "twin", "inventory": "lab", "inventory_revision": "ab" * 32, "state": STATE,
        "made_at": datetime(2026, 11, 24, tzinfo=UTC), "steps": steps,
    }  # fmt: skip
    return make_plan("net apply", **{**arguments, **changed})


def test_a_plan_survives_json_with_its_id() -> None:
    made = plan()
    again = Plan.model_validate_json(made.model_dump_json())
    assert again == made
    assert again.plan_id == made.plan_id


def test_every_part_is_in_the_id() -> None:
    ids = {plan().plan_id, plan(inventory="other").plan_id, plan(steps=()).plan_id, plan(state={}).plan_id}
    assert len(ids) == 4


def test_planned_again_from_the_same_state_it_has_the_same_id() -> None:
    assert plan(made_at=datetime(2026, 11, 25, tzinfo=UTC)).plan_id == plan().plan_id


def test_blast_is_the_widest_of_the_steps() -> None:
    assert plan().blast is BlastClass.DISRUPT
    assert plan(steps=()).blast is BlastClass.OBSERVE
    assert plan(steps=()).is_empty


def test_a_moved_state_is_refused() -> None:
    require_fresh(plan(), {"jkt-rtr1": {"bgp": ["a", "b"]}})
    with pytest.raises(Refused, match="changed since"):
        require_fresh(plan(), {"jkt-rtr1": {"bgp": ["b", "a"]}})


def test_a_plan_is_named_by_the_beginning_of_its_id() -> None:
    made = plan()
    require_plan_id(made, made.plan_id[:12])
    for wrong in (made.plan_id[:11], "f" * 12, ""):
        with pytest.raises(Refused):
            require_plan_id(made, wrong)


def test_in_production_an_act_nobody_is_asked_about_names_its_plan() -> None:
    made = plan(environment="production")
    require_seen(made, yes=True, named=made.plan_id[:12])
    require_seen(made, yes=False, named=None)
    require_seen(plan(), yes=True, named=None)
    with pytest.raises(Refused, match="needs the id of a plan"):
        require_seen(made, yes=True, named=None)
    for asked in (made, plan()):
        with pytest.raises(Refused, match="not the one named"):
            require_seen(asked, yes=False, named="f" * 12)


def test_the_text_names_steps_blast_and_diff() -> None:
    text = render_plan(plan(), with_diff=True)
    assert "blast disrupt" in text
    assert "2. jkt-db1   disrupt  stop: kill -9" in text
    assert "+b" in text
    assert "nothing to do" in render_plan(plan(steps=()))

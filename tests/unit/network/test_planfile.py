"""Saved plans: read back as they were, refused when they were edited or are for another inventory."""

from __future__ import annotations

import json

import pytest

from dcops.core.errors import SpecError
from dcops.core.exitcodes import ExitCode
from dcops.network.model import DevicePlan
from dcops.network.planfile import parse_plan, plan_document

PLANS = (
    DevicePlan("jkt-rtr1", "jkt", "ab" * 32, ("router bgp 1", "exit"), ("no router bgp 1",), ("+router bgp 1",)),
    DevicePlan("jkt-rtr2", "jkt", "cd" * 32, (), (), ()),
)


def saved(**changes: object) -> str:
    return json.dumps({**plan_document(PLANS, "lab", "r" * 12), **changes})


def test_a_plan_is_read_back_as_it_was() -> None:
    assert parse_plan(saved(), "plan.json", "lab") == PLANS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "not a plan of dcops net"),
        ("{}", "not a plan of dcops net"),
        (saved(devices=[{"device": "x"}]), "not a plan of dcops net"),
        (saved(plan="000000000000"), "the plan was changed after it was made"),
        (saved().replace('"router bgp 1", "exit"', '"no router bgp 1"'), "the plan was changed after it was made"),
    ],
)
def test_what_is_no_plan_or_no_longer_that_plan(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_plan(text, "plan.json", "lab")
    assert message in str(caught.value)
    assert caught.value.exit_code == ExitCode.INVALID_SPEC


def test_a_plan_for_another_inventory() -> None:
    with pytest.raises(SpecError, match='made for "lab", not "production"'):
        parse_plan(saved(), "plan.json", "production")

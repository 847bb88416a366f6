"""Faults as rules and arguments."""

from dcops.lab.faults import PortFault, delay_arguments, rate_arguments, ruleset


def test_no_fault_leaves_no_rule() -> None:
    assert ruleset({}).splitlines() == ["table bridge dcops_fault", "delete table bridge dcops_fault"]
    assert ruleset({"w1-a": PortFault(rate_bits=10**6)}) == ruleset({})


def test_a_silent_port_drops_what_enters_and_a_cable_what_leaves_too() -> None:
    text = ruleset({"w1-a": PortFault(is_silent=True)})
    assert 'iifname "w1-a" counter drop' in text
    assert "oifname" not in text
    assert 'oifname "b" counter drop' in ruleset({"b": PortFault(is_silent=True, is_both_ways=True)})


def test_loss_is_drawn_per_frame() -> None:
    assert 'iifname "w1-a" numgen random mod 1000 < 300 counter drop' in ruleset({"w1-a": PortFault(loss=0.3)})


def test_rules_replace_the_ones_before() -> None:
    lines = ruleset({"x": PortFault(is_silent=True)}).splitlines()
    assert lines[:3] == ["table bridge dcops_fault", "delete table bridge dcops_fault", "table bridge dcops_fault {"]


def test_arguments_of_tc() -> None:
    assert " ".join(rate_arguments("w1-a", 10**7)).startswith("qdisc replace dev w1-a root tbf rate 10000000bit burst")
    assert delay_arguments("w1-a", 0.02)[-2:] == ["delay", "20ms"]

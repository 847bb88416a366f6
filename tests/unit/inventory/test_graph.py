"""Dependencies: what is needed, what stops, and cycles."""

from dcops.inventory import Inventory
from dcops.inventory.graph import edges, find_cycles, reachable


def test_no_cycle_in_a_diamond() -> None:
    assert find_cycles({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) == []


def test_each_cycle_once_whatever_the_order() -> None:
    needs = {"c": ["a"], "a": ["b"], "b": ["c"], "x": ["x"], "y": ["a", "gone"]}
    assert find_cycles(needs) == [("a", "b", "c"), ("x",)]
    assert find_cycles(dict(reversed(needs.items()))) == find_cycles(needs)


def test_a_chain_deeper_than_the_recursion_limit() -> None:
    needs = {str(number): [str(number + 1)] for number in range(5000)} | {"5000": ["0"]}
    assert len(find_cycles(needs)[0]) == 5001


def test_what_stops_with_a_power_path(sample: Inventory) -> None:
    every = edges(sample)
    assert "device:n-ops" in reachable("ups:n-ups", every, backwards=True)
    assert "application:letters" in reachable("device:n-array", every, backwards=True)
    assert "circuit:line" in reachable("upstream:pdn", every)


def test_an_applications_needs(sample: Inventory) -> None:
    needs = reachable("application:letters", edges(sample))
    assert {"device:n-vm", "device:n-cluster", "device:n-store", "device:n-array", "device:n-rtr"} <= set(needs)
    assert "application:archive" in needs

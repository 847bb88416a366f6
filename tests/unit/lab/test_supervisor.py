"""What the supervisor understands."""

import pytest

from dcops.core.errors import UsageError
from dcops.lab.supervisor import FAULT_VERBS, _bits


@pytest.mark.parametrize(
    ("text", "bits"),
    [("512k", 512_000), ("10M", 10_000_000), ("10Mbit", 10_000_000), ("1.5g", 1_500_000_000), ("9600", 9600)],
)
def test_rates_are_bits_per_second(text: str, bits: int) -> None:
    assert _bits(text) == bits


@pytest.mark.parametrize("text", ["fast", "", "-1M", "100", "M"])
def test_what_is_no_rate_is_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is no rate"):
        _bits(text)


def test_nodes_may_ask_for_faults_only() -> None:
    assert {"start", "stop", "cut", "heal", "shape"} == FAULT_VERBS

"""From what happened on devices to the exit code of a run."""

from __future__ import annotations

import pytest

from dcops.cli.net_session import overall


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 0),
        (["changed", "unchanged"], 0),
        (["unreachable", "unreachable"], 5),
        (["changed", "unreachable"], 6),
        (["unchanged", "rolled_back", "not_started"], 6),
        (["refused"], 7),
        (["changed", "refused"], 6),
        (["failed"], 1),
        (["rolled_back", "not_started"], 1),
        (["changed", "needs_person", "refused"], 8),
        (["suspect"], 1),
    ],
)
def test_exit_codes(words: list[str], code: int) -> None:
    assert overall(words) == code

"""Cursors and entity tags."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcops.api.paging import etag_of, is_known, page
from dcops.api.problems import ProblemError


@dataclass(frozen=True)
class Item:
    id: str


keys = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30)


@given(keys=keys, limit=st.integers(1, 12))
def test_all_pages_together_are_the_list(keys: list[str], limit: int) -> None:
    items = [Item(key) for key in keys]
    seen: list[Item] = []
    cursor: str | None = None
    while True:
        chosen, cursor = page(items, cursor, limit)
        assert len(chosen) <= limit
        seen += chosen
        if cursor is None:
            break
    assert seen == items


@given(cursor=st.text(max_size=20))
def test_a_cursor_of_another_list_is_a_problem(cursor: str) -> None:
    with pytest.raises(ProblemError):
        page([], cursor, 10)


@pytest.mark.parametrize(
    ("header", "known"),
    [(None, False), ('"a"', False), ("*", True), ('"a", W/"b"', True), ('W/"b"', True), ('"b"', True)],
)
def test_what_the_asker_has(header: str | None, known: bool) -> None:
    assert is_known('"b"', header) is known


def test_a_tag_is_of_the_bytes() -> None:
    assert etag_of(b"a") == etag_of(b"a") != etag_of(b"b")

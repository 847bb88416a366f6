"""Consistency groups: who is copied first, and when two copies fit one another."""

from datetime import UTC, datetime, timedelta

import pytest

from dcops.backup.groups import Member, compare_members, copy_order
from dcops.core.errors import PolicyBroken

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
NAMED = Member(
    application="naskah",
    set_run="B",
    snapshot_at=NOW,
    links=frozenset({("letter-1", "a" * 64), ("letter-2", "b" * 64)}),
)


def naming(*links: tuple[str, str], seconds: int = -60) -> Member:
    moment = NOW + timedelta(seconds=seconds)
    return Member(application="kearsipan", set_run="A", snapshot_at=moment, needs=("naskah",), links=frozenset(links))


def test_who_names_data_is_copied_before_who_holds_it() -> None:
    assert copy_order({"naskah": (), "kearsipan": ("naskah", "elsewhere")}) == ("kearsipan", "naskah")
    assert copy_order({"a": (), "b": ("a",), "c": ("b", "a")}) == ("c", "b", "a")


def test_copies_fit_when_everything_named_is_there() -> None:
    compare_members(naming(("letter-1", "a" * 64)), NAMED)
    compare_members(naming(), NAMED)


@pytest.mark.parametrize("link", [("letter-3", "a" * 64), ("letter-1", "b" * 64)])
def test_a_letter_that_is_gone_and_one_with_another_attachment_are_found(link: tuple[str, str]) -> None:
    with pytest.raises(PolicyBroken, match="1 of 2 rows of kearsipan name what naskah lacks") as found:
        compare_members(naming(("letter-1", "a" * 64), link), NAMED)
    assert "letter" not in str(found.value)


def test_copies_in_the_wrong_order_are_refused_even_when_they_happen_to_fit() -> None:
    with pytest.raises(PolicyBroken, match="the copy of naskah is older than that of kearsipan"):
        compare_members(naming(("letter-1", "a" * 64), seconds=1), NAMED)

"""The pattern language by itself; that it is Ansible's is tested against Ansible in tests/e2e."""

import pytest

from dcops.core.errors import UsageError
from dcops.inventory.pattern import Universe, require, select, split

HOSTS = ("a1", "a2", "a3", "b1", "b2")
UNIVERSE = Universe(
    HOSTS, {"all": HOSTS, "ungrouped": (), "a": ("a1", "a2", "a3"), "b": ("b1", "b2"), "web": ("b1", "a1")}
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("all", "a1 a2 a3 b1 b2"),
        ("web", "b1 a1"),
        ("a:b", "a1 a2 a3 b1 b2"),
        ("b,a", "b1 b2 a1 a2 a3"),
        ("web:&a", "a1"),
        ("&a:web", "a1"),
        ("all:!b:!a1", "a2 a3"),
        ("!b", "a1 a2 a3"),
        ("a[0]", "a1"),
        ("a[-1]", "a3"),
        ("a[1:]", "a2 a3"),
        ("a[0:1]", "a1 a2"),
        ("a[2:1]", ""),
        ("~b.|a3", "a3 b1 b2"),
        ("b1:b1", "b1"),
        ("none", ""),
        ("none:a1", "a1"),
        # A plain host named before an exclusion stays out.
        ("a1:!a1", ""),
    ],
)
def test_select(pattern: str, expected: str) -> None:
    assert select(pattern, UNIVERSE) == tuple(expected.split())


def test_a_comma_is_the_only_separator_where_there_is_one() -> None:
    assert split("a:b") == ["a", "b"]
    assert split("a,b:&c") == ["a", "b:&c"]
    assert split("a[0:2]:!b") == ["a[0:2]", "!b"]
    assert split("2001:db8::1") == ["2001:db8::1"]
    assert split("host:22") == ["host:22"]
    assert split(" a , ,b ") == ["a", "b"]


def test_a_position_beyond_the_end_says_how_many_there_are() -> None:
    with pytest.raises(UsageError, match="only 2"):
        select("b[7]", UNIVERSE)


def test_require_suggests_the_word_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        require("wbe", UNIVERSE)
    assert caught.value.exit_code == 2
    assert caught.value.hint == 'Did you mean "web"?'
    assert require("web", UNIVERSE) == ("b1", "a1")

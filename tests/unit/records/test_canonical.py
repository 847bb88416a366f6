"""RFC 8785 text: exact, the same for the same value, and closed to secrets."""

import math
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcops.core.errors import DcopsError
from dcops.core.secrets import Secret
from dcops.records.canonical import canonical_text, parse_canonical, plain, sha256_hex

SAFE = 2**53 - 1
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    text = canonical_text(value)
    assert parse_canonical(text) == value
    assert canonical_text(parse_canonical(text)) == text


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
@settings(max_examples=40)
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical_text(dict(reversed(value.items()))) == canonical_text(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # Examples of RFC 8785, sections 3.2.2 and 3.2.3.
        (
            {"numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]},
            '{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
        ),
        (
            {"string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f"},
            '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        ),
        ({"literals": [None, True, False]}, '{"literals":[null,true,false]}'),
        (
            {
                "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
                "1": "One", "\U0001f600": "Emoji: Grinning Face", "\u0080": "Control",
                "\u00f6": "Latin Small Letter O With Diaeresis",
            },
            ('{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis",'
            '"€":"Euro Sign","\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'),
        ),
        ([-0.0, 1.0, 1e21, 1e20], "[0,1,1e+21,100000000000000000000]"),
    ],
)  # fmt: skip
def test_examples_of_the_standard(value: Any, text: str) -> None:
    assert canonical_text(value) == text


class Colour(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


def test_enums_become_what_they_stand_for() -> None:
    value = plain({"colour": Colour.RED, "number": Number.ONE, "tuple": (1, 2)})
    assert value == {"colour": "red", "number": 1, "tuple": [1, 2]}
    assert type(value["colour"]) is str
    assert type(value["number"]) is int


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53, -(2**60), b"bytes", {1: "x"}, {"a": {"b": {3}}}, Path("/x"), "\ud800"]
)
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(DcopsError):
        canonical_text(value)


@pytest.mark.parametrize(
    "wrap",
    [lambda s: s, lambda s: [s], lambda s: {"a": {"b": [0, s]}}, lambda s: (s,)],
    ids=["bare", "list", "deep", "tuple"],
)
def test_a_secret_is_refused_and_not_shown(wrap: Any) -> None:
    with pytest.raises(DcopsError, match="secret may not be written") as caught:
        canonical_text(wrap(Secret("canary-7f3a", "file:restic-password")), where="record x")
    assert "canary" not in str(caught.value)


def test_the_place_of_what_is_refused_is_named() -> None:
    with pytest.raises(DcopsError, match=r"record x\.a\[1\]\.b: a set has no JSON form"):
        canonical_text({"a": [0, {"b": set()}]}, where="record x")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"b":1,"a":2}',
        '{"a":1.0}',
        '"\\u0041"',
        "[1,2]\n",
        "9007199254740993",
        "[" * 100000,
        "1e400",
        '{"a":1,"a":1}',
        "NaN",
    ],
)
def test_a_text_that_is_not_its_own_canonical_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_canonical(text)


def test_hashes_are_over_utf8() -> None:
    assert sha256_hex("€") == sha256_hex("€".encode())

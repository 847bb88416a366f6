"""The field is that of AES, and shares keep Shamir's promises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcops.core.errors import DcopsError
from dcops.kit.shamir import combine, invert, multiply, split


@pytest.mark.parametrize(
    ("a", "b", "product"),
    [
        (0x57, 0x83, 0xC1), (0x57, 0x13, 0xFE), (0x57, 0x02, 0xAE), (0x57, 0x04, 0x47),  # FIPS 197, 4.2
        (90, 21, 254), (133, 5, 167), (0, 21, 0),  # the tests of github.com/codahale/shamir, Apache-2.0
    ],
)  # fmt: skip
def test_products_are_the_published_ones(a: int, b: int, product: int) -> None:
    assert multiply(a, b) == multiply(b, a) == product


def test_every_element_but_zero_has_its_inverse() -> None:
    assert invert(0x53) == 0xCA  # the pair that FIPS 197 builds its S-box on
    assert all(multiply(a, invert(a)) == 1 for a in range(1, 256))
    with pytest.raises(ZeroDivisionError):
        invert(0)


@pytest.mark.parametrize(("points", "secret"), [((1, 2, 3), 0), ((80, 90, 20), 30), ((43, 22, 86), 107)])
def test_interpolation_gives_the_published_values(points: tuple[int, ...], secret: int) -> None:
    """Values at 1, 2 and 3, from the tests of github.com/codahale/shamir."""
    assert combine({index: bytes([value]) for index, value in enumerate(points, 1)}) == bytes([secret])


def test_a_polynomial_computed_by_hand() -> None:
    shares = split(b"\x2a", threshold=3, shares=4, randomness=b"\x05\x03")
    by_hand = {x: 0x2A ^ multiply(5, x) ^ multiply(3, multiply(x, x)) for x in range(1, 5)}
    assert {index: value[0] for index, value in shares.items()} == by_hand


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=32), st.integers(2, 6), st.integers(0, 4), st.data())
def test_any_threshold_of_them_gives_the_secret(secret: bytes, threshold: int, more: int, data: st.DataObject) -> None:
    size = (threshold - 1) * len(secret)
    randomness = data.draw(st.binary(min_size=size, max_size=size))
    shares = split(secret, threshold=threshold, shares=threshold + more, randomness=randomness)
    chosen = data.draw(st.permutations(sorted(shares)))[: threshold + data.draw(st.integers(0, more))]
    assert combine({index: shares[index] for index in chosen}) == secret


def test_one_share_less_tells_nothing() -> None:
    """With two of three needed shares known, every secret is still possible, each from exactly one polynomial."""
    known = split(b"\x77", threshold=3, shares=3, randomness=b"\x10\x99")
    fits = {combine({1: known[1], 2: known[2], 3: bytes([third])})[0] for third in range(256)}
    assert fits == set(range(256))


@pytest.mark.parametrize(("threshold", "shares"), [(1, 3), (4, 3), (2, 256), (0, 0)])
def test_impossible_numbers_are_refused(threshold: int, shares: int) -> None:
    with pytest.raises(DcopsError, match="no threshold"):
        split(b"x", threshold=threshold, shares=shares, randomness=b"")


def test_randomness_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(DcopsError, match="wrong length"):
        split(b"xy", threshold=2, shares=3, randomness=b"\1")


@pytest.mark.parametrize("points", [{}, {1: b"a", 2: b"ab"}, {0: b"a", 1: b"b"}])
def test_what_cannot_belong_together_is_refused(points: dict[int, bytes]) -> None:
    with pytest.raises(DcopsError, match="belong together"):
        combine(points)

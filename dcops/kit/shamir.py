"""Shamir's scheme: a secret in N points, of which any M give it back and M - 1 tell nothing. Pure.

Each byte of the secret is the value at 0 of its own polynomial of degree M - 1 over GF(256), the field of AES
(FIPS 197, section 4: reduction by x^8 + x^4 + x^3 + x + 1); a share holds the values at its index. Source: A. Shamir,
"How to Share a Secret", CACM 22(11), 1979. There are no tables and no branches on secret bytes, so neither the cache
nor the branch predictor is told of them; against somebody who measures this very process, Python promises nothing.
"""

from collections.abc import Mapping

from dcops.core.errors import DcopsError

LIMIT = 255
_REDUCTION = 0x11B


def multiply(a: int, b: int) -> int:
    """Return the product of two field elements."""
    product = 0
    for bit in range(8):
        product ^= -((b >> bit) & 1) & a
        a <<= 1
        a ^= -(a >> 8) & _REDUCTION
    return product


def invert(a: int) -> int:
    """Return 1/a as a^254; raise ZeroDivisionError for 0."""
    if a == 0:
        raise ZeroDivisionError("0 has no inverse")
    power = a
    for _ in range(6):
        power = multiply(multiply(power, power), a)
    return multiply(power, power)


def split(secret: bytes, *, threshold: int, shares: int, randomness: bytes) -> dict[int, bytes]:
    """Return index (1 to `shares`) -> share.

    Args:
        randomness: the other coefficients: threshold - 1 bytes a byte of the secret, uniform and never used again.
    Raises:
        DcopsError: the numbers are out of range.
    """
    if not 2 <= threshold <= shares <= LIMIT:
        raise DcopsError(f"{threshold} of {shares} is no threshold", hint="Two or more, and no more than the shares.")
    if len(randomness) != (threshold - 1) * len(secret):
        raise DcopsError("the randomness has the wrong length", where="shamir")
    size = len(secret)
    rows = [secret, *(randomness[at : at + size] for at in range(0, len(randomness), size))]
    return {index: bytes(_value(column, index) for column in zip(*rows, strict=True)) for index in range(1, shares + 1)}


def combine(points: Mapping[int, bytes]) -> bytes:
    """Return the secret of these shares (index -> share).

    Too few, or wrong ones, give other bytes of the same length and no error: whoever asks checks the result.
    """
    if not points or len({len(value) for value in points.values()}) != 1 or not all(0 < i <= LIMIT for i in points):
        raise DcopsError("these shares do not belong together", where="shamir")
    weights = {index: _weight(index, points) for index in points}
    size = len(next(iter(points.values())))
    secret = bytearray(size)
    for index, value in points.items():
        for at in range(size):
            secret[at] ^= multiply(weights[index], value[at])
    return bytes(secret)


def _value(coefficients: tuple[int, ...], x: int) -> int:
    """Return the polynomial's value at x, lowest coefficient first (Horner)."""
    value = 0
    for coefficient in reversed(coefficients):
        value = multiply(value, x) ^ coefficient
    return value


def _weight(index: int, points: Mapping[int, bytes]) -> int:
    """Return what the share `index` is multiplied by at 0 (Lagrange); minus is plus in this field."""
    weight = 1
    for other in points:
        if other != index:
            weight = multiply(weight, multiply(other, invert(other ^ index)))
    return weight

"""Run ids: ULIDs, which sort by time and are unique without asking anybody.

48 bits of milliseconds, 80 random bits, Crockford base32. Source: https://github.com/ulid/spec.
"""

import os
import re
from datetime import datetime

from dcops.core.clock import utc_now

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHAPE = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_ulid(now: datetime | None = None) -> str:
    """Give a new id of 26 characters for the time `now`, or for this moment."""
    milliseconds = int((now or utc_now()).timestamp() * 1000)
    number = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    """True when `text` has the shape of a ULID."""
    return _SHAPE.fullmatch(text) is not None

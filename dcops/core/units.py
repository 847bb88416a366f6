"""Durations and sizes as people write them, kept as seconds and bytes."""

import re
from math import inf
from typing import Annotated, Any

from pydantic import BeforeValidator

from dcops.core.errors import ParseError

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SHORT = re.compile(r"(\d+(?:\.\d+)?)(ms|min|s|m|h|d|w)")
_ISO = re.compile(
    r"P(?:(?P<y>\d+)Y)?(?:(?P<mo>\d+)M)?(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?"
)
# A year and a month have no fixed length; retention and intervals are written with these.
_ISO_SECONDS = {"y": 31_536_000.0, "mo": 2_592_000.0, "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_SIZES = {
    "": 1,
    "b": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", re.IGNORECASE)


def parse_duration(text: str | float) -> float:
    """Give the seconds of `90s`, `4h`, `1h30m` or ISO 8601 `PT90M`; a bare number is seconds.

    Raises ParseError when the text is no duration, or less than nothing or endless. Years count 365 days, months 30.
    """
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 <= text < inf:
        return float(text)
    word = str(text).strip()
    parts = _SHORT.findall(word)
    if parts and "".join(number + unit for number, unit in parts) == word.replace(" ", ""):
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    match = _ISO.fullmatch(word)
    if match and any(match.groups()):
        return sum(float(value) * _ISO_SECONDS[unit] for unit, value in match.groupdict().items() if value)
    raise ParseError(f'"{text}" is no duration', hint="Write 90s, 15m, 4h, 2d or ISO 8601 such as PT15M.")


def format_duration(seconds: float) -> str:
    """Write seconds for people: `0.42 s`, `12.3 s`, `4 min 05 s`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def parse_size(text: str | int) -> int:
    """Give the bytes of `200MB`, `1.5GiB` or a bare number. Raises ParseError when the text is no size."""
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    match = _SIZE.fullmatch(str(text).strip())
    if not match:
        raise ParseError(f'"{text}" is no size', hint="Write 512KiB, 200MB or 1.5GiB.")
    return int(float(match.group(1)) * _SIZES[(match.group(2) or "").lower()])


def format_size(size_bytes: float) -> str:
    """Write bytes for people in powers of 1024: `512 B`, `1.5 MiB`."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _seconds(value: Any) -> float:
    """Let pydantic report a bad duration as its own error."""
    try:
        return parse_duration(value)
    except ParseError as error:
        raise ValueError(str(error)) from error


def _bytes(value: Any) -> int:
    """Let pydantic report a bad size as its own error."""
    try:
        return parse_size(value)
    except ParseError as error:
        raise ValueError(str(error)) from error


Seconds = Annotated[float, BeforeValidator(_seconds)]
Bytes = Annotated[int, BeforeValidator(_bytes)]

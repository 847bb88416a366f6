"""Numbers, durations, sizes and times as each language writes them; times are shown in WIB. Pure."""

from datetime import datetime

from dcops.core.clock import WIB
from dcops.reports.language import Language

_MONTHS = {
    Language.ID: (
        "Januari", "Februari", "Maret", "April", "Mei", "Juni",
        "Juli", "Agustus", "September", "Oktober", "November", "Desember",
    ),
    Language.EN: (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
# second, minute, hour, day
_UNITS = {Language.ID: ("dtk", "mnt", "jam", "hari"), Language.EN: ("s", "min", "h", "d")}
_SWAPPED = str.maketrans(",.", ".,")
DASH = "–"


def number(value: float | None, language: Language, digits: int = 0) -> str:
    """Write a number with separators: 12.345,6 in Indonesian, 12,345.6 in English; a dash for None."""
    if value is None:
        return DASH
    text = f"{value:,.{digits}f}"
    return text.translate(_SWAPPED) if language is Language.ID else text


def duration(seconds: float | None, language: Language) -> str:
    """Write seconds in the two largest units that matter: 0,42 dtk, 4 mnt 05 dtk, 2 hari 4 jam; a dash for None."""
    if seconds is None:
        return DASH
    second, minute, hour, day = _UNITS[language]
    size = abs(seconds)
    sign = "−" if seconds < 0 else ""
    rounded = round(size)
    if size < 59.95:
        return f"{sign}{number(size, language, 2 if size < 9.995 else 1)} {second}"
    if rounded < 3600:
        return f"{sign}{rounded // 60} {minute} {rounded % 60:02d} {second}"
    if rounded < 86400:
        return f"{sign}{rounded // 3600} {hour} {rounded % 3600 // 60:02d} {minute}"
    return f"{sign}{rounded // 86400} {day} {rounded % 86400 // 3600} {hour}"


def whole(seconds: float, language: Language) -> str:
    """Write whole seconds below a picture: 0, −30 dtk, 15 dtk, 2 mnt 30 dtk."""
    if abs(seconds) >= 60:
        return duration(seconds, language)
    return f"{seconds:.0f} {_UNITS[language][0]}".replace("-", "−") if seconds else "0"


def size(value: float | None, language: Language) -> str:
    """Write bytes in powers of 1024, one digit after the comma; a dash for None."""
    if value is None:
        return DASH
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{number(value, language, 0 if unit == 'B' else 1)} {unit}"
        value /= 1024
    return f"{number(value, language, 1)} TiB"


def moment(at: datetime, language: Language) -> str:
    """Write date and time in WIB: 24 November 2026 11.50.33 WIB in Indonesian, 24 November 2026 11:50:33 WIB else."""
    local = at.astimezone(WIB)
    return f"{local.day} {_MONTHS[language][local.month - 1]} {local.year} {time_of_day(at, language)} WIB"


def time_of_day(at: datetime, language: Language) -> str:
    """Write the time of day in WIB to the second."""
    return f"{at.astimezone(WIB):{'%H.%M.%S' if language is Language.ID else '%H:%M:%S'}}"

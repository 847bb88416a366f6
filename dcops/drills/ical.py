"""Planned drills as an iCalendar file. Pure. Source: RFC 5545, sections 3.1, 3.3.5, 3.3.11, 3.6.1, 3.8.4.7."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from dcops.drills.calendar import Planned

_OCTETS = 75  # RFC 5545, 3.1: a line is at most so long, without its end
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def render_ical(planned: Iterable[Planned], *, inventory: str, is_rehearsal: bool, now: datetime) -> str:
    """Give the file: one event for each drill that has a window; lines end in CRLF and are folded.

    An event's UID is made of drill, year and number, so a later export moves it instead of adding another.
    """
    name = f"Latihan pemulihan / Recovery drills: {inventory}"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//dcops//drill calendar//EN", "CALSCALE:GREGORIAN",
             "METHOD:PUBLISH", f"X-WR-CALNAME:{escape(name)}"]  # fmt: skip
    for each in planned:
        if each.begin is not None and each.end is not None:
            lines += _event(each, each.begin, each.end, inventory, now, is_rehearsal=is_rehearsal)
    lines.append("END:VCALENDAR")
    return "".join(part + "\r\n" for line in lines for part in fold(line))


def _event(
    planned: Planned, begin: datetime, end: datetime, inventory: str, now: datetime, *, is_rehearsal: bool
) -> list[str]:
    gladi = "GLADI / REHEARSAL: " if is_rehearsal else ""
    limit = f"\nOverdue from {planned.overdue_at:%Y-%m-%d}." if planned.overdue_at else ""
    standing = "" if planned.is_adopted else "\nThe interval is proposed: nobody has adopted it yet."
    text = (
        f"{planned.title.en}\n{planned.reason}.{limit}{standing}\n"
        f"dcops drill run {planned.drill}\nRunbook: runbooks/{planned.runbook}.md"
    )
    return [
        "BEGIN:VEVENT",
        f"UID:{planned.drill}-{begin.year}-{planned.number}@{inventory}.dcops",
        f"DTSTAMP:{utc(now)}",
        f"DTSTART:{utc(begin)}",
        f"DTEND:{utc(end)}",
        f"SUMMARY:{escape(f'{gladi}{planned.title.id} ({planned.drill})')}",
        f"DESCRIPTION:{escape(text)}",
        f"LOCATION:{escape(planned.site)}",
        f"CATEGORIES:{escape(planned.drill_type)}",
        f"STATUS:{'CONFIRMED' if planned.is_adopted else 'TENTATIVE'}",
        "END:VEVENT",
    ]


def utc(moment: datetime) -> str:
    """Give a moment as a DATE-TIME in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def escape(text: str) -> str:
    """Give a text as a TEXT value."""
    return text.translate(_ESCAPED)


def fold(line: str) -> Iterator[str]:
    """Give a line in pieces of at most 75 octets, each but the first with a space in front; no letter is cut."""
    piece, room = "", _OCTETS
    for letter in line:
        size = len(letter.encode())
        if size > room:
            yield piece
            piece, room = " ", _OCTETS - 1
        piece += letter
        room -= size
    yield piece

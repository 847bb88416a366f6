"""What the calendar allows at a moment: open windows, freezes, announced maintenance. Pure: the moment is given."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dcops.inventory.model import Calendar, Maintenance, Weekday, Window, WindowPurpose

_DAYS = tuple(Weekday)
_LONGEST_DAYS = 367


def is_open(window: Window, moment: datetime) -> bool:
    """True when `moment` (aware) lies in the window: from its start, up to and without its end."""
    local = moment.astimezone(ZoneInfo(window.timezone))
    now = local.strftime("%H:%M")
    today, yesterday = _DAYS[local.weekday()], _DAYS[(local - timedelta(days=1)).weekday()]
    if window.start < window.until:
        return today in window.days and window.start <= now < window.until
    # Over midnight: the evening belongs to today, the morning to the day it began.
    return (today in window.days and now >= window.start) or (yesterday in window.days and now < window.until)


def open_windows(calendar: Calendar, purpose: WindowPurpose, moment: datetime) -> Iterator[Window]:
    """Give the windows of `purpose` that are open at `moment`; none while a freeze is."""
    windows = [window for window in calendar.windows.values() if is_open(window, moment)]
    if purpose is not WindowPurpose.FREEZE and any(window.purpose is WindowPurpose.FREEZE for window in windows):
        return
    yield from (window for window in windows if window.purpose is purpose)


def maintenance_at(calendar: Calendar, moment: datetime) -> Iterator[Maintenance]:
    """Give the announced pieces of work that are going on at `moment`."""
    yield from (entry for entry in calendar.maintenance.values() if entry.start <= moment < entry.until)


def next_opening(calendar: Calendar, purpose: WindowPurpose, after: datetime) -> tuple[datetime, datetime] | None:
    """Give beginning and end of the first window of `purpose` that begins at `after` or later, at most a year on.

    Windows that begin inside a freeze are passed over. None when there is no such window.
    """
    windows = [window for window in calendar.windows.values() if window.purpose is purpose]
    first: tuple[datetime, datetime] | None = None
    for window in windows:
        for begin, end in _occurrences(window, after):
            if first is not None and begin >= first[0]:
                break
            if any(each.name == window.name for each in open_windows(calendar, purpose, begin)):
                first = (begin, end)
                break
    return first


def _occurrences(window: Window, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Give when a window is open, from the first time that begins at `after` or later, for a year."""
    zone = ZoneInfo(window.timezone)
    day = after.astimezone(zone).date()
    for _ in range(_LONGEST_DAYS):
        if _DAYS[day.weekday()] in window.days:
            begin = _at(day, window.start, zone)
            end = _at(day if window.start < window.until else day + timedelta(days=1), window.until, zone)
            if begin >= after:
                yield begin, end
        day += timedelta(days=1)


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """Give a time of a day; 24:00 is midnight at its end."""
    hour, minute = (int(part) for part in clock.split(":"))
    if hour == 24:
        day, hour = day + timedelta(days=1), 0
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)

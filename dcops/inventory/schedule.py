"""What the calendar allows at a moment: open windows, freezes, announced maintenance. Pure: the moment is given."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dcops.inventory.model import Calendar, Maintenance, Weekday, Window, WindowPurpose

_DAYS = tuple(Weekday)


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

"""The wall clock in UTC and the monotonic clock; pure rooms take `now` as an argument instead."""

import time
from datetime import UTC, datetime, timedelta, timezone

from dcops.core.errors import ParseError

# Where the ministry is: what people see is in its time. No daylight saving, so no time zone data is needed.
WIB = timezone(timedelta(hours=7), "WIB")


def utc_now() -> datetime:
    """Give the present time, aware, in UTC, microsecond resolution."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Give seconds that never go back; only differences mean anything."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait `seconds`; zero or less returns at once."""
    if seconds > 0:
        time.sleep(seconds)


def rfc3339(moment: datetime) -> str:
    """Write an aware time as `2026-11-24T04:00:00.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 time with its offset. Raises ParseError when there is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ParseError(f'"{text}" is no RFC 3339 time') from error
    if moment.tzinfo is None:
        raise ParseError(f'"{text}" has no offset', hint="End it with Z or +07:00.")
    return moment.astimezone(UTC)

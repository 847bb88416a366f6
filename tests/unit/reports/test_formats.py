"""Numbers, durations, sizes and times as each language writes them."""

from datetime import UTC, datetime

import pytest

from dcops.reports import formats
from dcops.reports.language import Language

ID, EN = Language.ID, Language.EN


@pytest.mark.parametrize(("seconds", "indonesian", "english"), [
    (None, "–", "–"),
    (0.0, "0,00 dtk", "0.00 s"),
    (9.994, "9,99 dtk", "9.99 s"),
    (9.996, "10,0 dtk", "10.0 s"),
    (59.94, "59,9 dtk", "59.9 s"),
    (59.96, "1 mnt 00 dtk", "1 min 00 s"),
    (245.4, "4 mnt 05 dtk", "4 min 05 s"),
    (3600, "1 jam 00 mnt", "1 h 00 min"),
    (93600, "1 hari 2 jam", "1 d 2 h"),
    (-2.5, "−2,50 dtk", "−2.50 s"),
])  # fmt: skip
def test_durations(seconds: float | None, indonesian: str, english: str) -> None:
    assert (formats.duration(seconds, ID), formats.duration(seconds, EN)) == (indonesian, english)


def test_numbers_and_sizes() -> None:
    assert formats.number(1234567.8, ID, 1) == "1.234.567,8"
    assert formats.number(1234567.8, EN, 1) == "1,234,567.8"
    assert (formats.number(None, ID), formats.number(0, ID)) == ("–", "0")
    assert formats.size(262354934, ID) == "250,2 MiB"
    assert formats.size(512, EN) == "512 B"
    assert formats.size(3 * 2**40, EN) == "3.0 TiB"
    assert [formats.whole(value, ID) for value in (0, -30, 15, 90)] == ["0", "−30 dtk", "15 dtk", "1 mnt 30 dtk"]


def test_times_are_shown_in_wib() -> None:
    late = datetime(2026, 12, 31, 18, 5, 9, tzinfo=UTC)
    assert formats.moment(late, ID) == "1 Januari 2027 01.05.09 WIB"
    assert formats.moment(late, EN) == "1 January 2027 01:05:09 WIB"

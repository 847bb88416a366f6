import pytest

from dcops.core.errors import ParseError
from dcops.core.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("4h", 14400), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172800), ("PT90M", 5400), ("PT0.5S", 0.5),
     ("P1DT2H", 93600), ("P5Y", 157_680_000), (15, 15)],
)  # fmt: skip
def test_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "4", "h4", "4 hours", "P", "PT", "-3s", "1h 30", "1.5.2s"])
def test_what_is_no_duration_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ParseError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4211, "0.42 s"),
        (12.34, "12.3 s"),
        (245, "4 min 05 s"),
        (12000, "3 h 20 min"),
        (187200, "2 d 4 h"),
        (-3, "-3.00 s"),
    ],
)
def test_duration_is_written_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"), [("200MB", 200_000_000), ("1.5GiB", 1610612736), ("512", 512), (7, 7), ("4k", 4000)]
)
def test_size_is_read_as_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_size_is_written_for_people() -> None:
    assert [format_size(n) for n in (512, 1536, 5 * 2**30)] == ["512 B", "1.5 KiB", "5.0 GiB"]


@pytest.mark.parametrize("value", [-1, -0.5, float("inf"), float("nan")])
def test_no_duration_is_negative_or_endless(value: float) -> None:
    with pytest.raises(ParseError, match="is no duration"):
        parse_duration(value)


def test_no_size_is_negative() -> None:
    with pytest.raises(ParseError, match="is no size"):
        parse_size(-1)

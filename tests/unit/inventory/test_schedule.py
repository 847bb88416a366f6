"""Windows in local time, over midnight, and freezes."""

from datetime import datetime

import pytest

from dcops.inventory import Inventory
from dcops.inventory.model import Calendar, Window, WindowPurpose
from dcops.inventory.schedule import is_open, maintenance_at, open_windows


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# 2026-11-23 is a Monday; the window is Monday and Tuesday, 22:00 to 02:00, Jakarta.
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23T21:59:59+07:00", False),
        ("2026-11-23T22:00:00+07:00", True),
        ("2026-11-23T15:30:00+00:00", True),
        ("2026-11-24T01:59:00+07:00", True),
        ("2026-11-24T02:00:00+07:00", False),
        ("2026-11-25T01:00:00+07:00", True),
        ("2026-11-25T22:30:00+07:00", False),
        ("2026-11-23T01:00:00+07:00", False),
    ],
)
def test_window_over_midnight(sample: Inventory, moment: str, *, expected: bool) -> None:
    assert is_open(sample.calendar.windows["nightly"], at(moment)) is expected


def test_a_whole_day_has_no_gap_at_its_end() -> None:
    window = Window(name="w", purpose=WindowPurpose.CHANGE, days=("mon",), start="00:00", until="24:00")  # type: ignore[arg-type]
    assert is_open(window, at("2026-11-23T23:59:59+07:00"))
    assert not is_open(window, at("2026-11-24T00:00:00+07:00"))


def test_the_end_is_outside() -> None:
    window = Window.model_validate(
        {"name": "w", "purpose": "change", "days": ("mon",), "start": "08:00", "until": "17:00"}
    )
    assert is_open(window, at("2026-11-23T16:59:59+07:00"))
    assert not is_open(window, at("2026-11-23T17:00:00+07:00"))


def test_a_freeze_closes_other_windows() -> None:
    common = {"days": ("mon",), "start": "08:00", "until": "17:00"}
    change = Window.model_validate({"name": "c", "purpose": "change", **common})
    freeze = Window.model_validate({"name": "f", "purpose": "freeze", **common, "start": "12:00"})
    calendar = Calendar(windows={"c": change, "f": freeze})
    assert list(open_windows(calendar, WindowPurpose.CHANGE, at("2026-11-23T09:00:00+07:00"))) == [change]
    assert list(open_windows(calendar, WindowPurpose.CHANGE, at("2026-11-23T13:00:00+07:00"))) == []
    assert list(open_windows(calendar, WindowPurpose.FREEZE, at("2026-11-23T13:00:00+07:00"))) == [freeze]


def test_maintenance_has_a_beginning_and_an_end(sample: Inventory) -> None:
    assert [entry.name for entry in maintenance_at(sample.calendar, at("2026-12-01T16:00:00+00:00"))] == ["move"]
    assert list(maintenance_at(sample.calendar, at("2026-12-01T19:00:00+00:00"))) == []

"""When drills are due, and the file that says so: each rule of RFC 5545 that clients trip over."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcops.core.words import Environment, Status
from dcops.drills.calendar import Ages, Planned, apart, held, plan_drill
from dcops.drills.ical import escape, fold, render_ical
from dcops.drills.model import Window
from dcops.inventory.model import Calendar, Weekday, WindowPurpose
from dcops.inventory.model import Window as Opening
from dcops.inventory.schedule import next_opening
from dcops.records.kinds.drills import DrillResult
from tests.unit.drills.test_service import DRILL

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday
DAY = 86400.0
AGES = Ages(due_seconds=270 * DAY, overdue_seconds=365 * DAY)
SATURDAY = Opening(name="sat", purpose=WindowPurpose.DRILL, days=(Weekday.SAT,), start="20:00", until="23:00")
CALENDAR = Calendar(windows={"sat": SATURDAY})


def opening(moment: datetime, calendar: Calendar = CALENDAR) -> tuple[datetime, datetime] | None:
    return next_opening(calendar, WindowPurpose.DRILL, moment)


def result(**changed: Any) -> DrillResult:
    fields: dict[str, Any] = {
        "drill": "loss", "drill_version": 1, "spec_sha256": "0" * 64, "app": "naskah", "exit_code": 0,
        "environment": "production", "is_rehearsal": False, "verdict": "PASS", "drill_type": "component",
        "executed": True,
    }  # fmt: skip
    return DrillResult.model_validate(fields | changed)


def planned(days: float | None, ages: Ages = AGES, year: int | None = None, **changed: Any) -> list[Planned]:
    drill = DRILL.model_copy(update={"spec": DRILL.spec.model_copy(update=changed)})
    done = [] if days is None else [NOW - timedelta(days=days)]
    return plan_drill(drill, ages, done, opening, NOW, year)


@pytest.mark.parametrize(
    ("days", "status", "due", "begin"),
    [
        (None, Status.FAIL, NOW, "2026-11-28T20:00:00+07:00"),
        (10, Status.PASS, NOW + timedelta(days=260), "2027-08-14T20:00:00+07:00"),
        (300, Status.WARN, NOW - timedelta(days=30), "2026-11-28T20:00:00+07:00"),
        (400, Status.FAIL, NOW - timedelta(days=130), "2026-11-28T20:00:00+07:00"),
    ],
)
def test_it_is_due_when_its_newest_result_is_old_in_the_first_window_after(
    days: float | None, status: Status, due: datetime, begin: str
) -> None:
    (found,) = planned(days)
    assert (found.status, found.due_at) == (status, due)
    assert found.begin == datetime.fromisoformat(begin)
    assert found.end == datetime.fromisoformat(begin) + timedelta(hours=3)


def test_a_drills_own_window_shortens_it_and_never_lengthens_it() -> None:
    (short,) = planned(None, window=Window(max_duration=3600))
    (long,) = planned(None, window=Window(max_duration=86400))
    lengths = [each.end - each.begin for each in (short, long) if each.begin and each.end]
    assert lengths == [timedelta(hours=1), timedelta(hours=3)]


def test_what_nobody_said_is_unknown_and_planned_nowhere() -> None:
    (found,) = planned(10, Ages())
    assert (found.status, found.begin, found.due_at) == (Status.UNKNOWN, None, None)
    (closed,) = plan_drill(DRILL, AGES, [], lambda _: None, NOW)
    assert (closed.status, closed.reason) == (Status.UNKNOWN, "the calendar has no window for drills")


def test_a_year_has_each_of_its_times_and_only_its_own() -> None:
    found = planned(None, Ages(due_seconds=90 * DAY), 2027)
    assert [f"{each.begin:%m-%d}" for each in found] == ["02-27", "05-29", "08-28", "11-27"]
    assert [each.number for each in found] == [1, 2, 3, 4]
    assert {each.status for each in found} == {Status.UNKNOWN}
    assert planned(None, year=2020) == []


def test_the_number_goes_on_after_those_that_were_held() -> None:
    (before,) = planned(60, Ages(due_seconds=30 * DAY))
    done = [NOW - timedelta(days=days) for days in (400, 60, 30)]
    (after,) = plan_drill(DRILL, Ages(due_seconds=30 * DAY), done, opening, NOW)
    assert (before.number, after.number) == (2, 3)


def test_two_drills_are_not_planned_for_one_window() -> None:
    free = apart(opening, set())
    first, second = (plan_drill(DRILL, AGES, [], free, NOW)[0] for _ in range(2))
    assert first.begin is not None
    assert second.begin == first.begin + timedelta(days=7)


def test_a_freeze_moves_it_on() -> None:
    freeze = Opening(name="f", purpose=WindowPurpose.FREEZE, days=(Weekday.SAT,), start="00:00", until="24:00")
    sunday = SATURDAY.model_copy(update={"name": "sun", "days": (Weekday.SUN,)})
    both = Calendar(windows={"sat": SATURDAY, "f": freeze, "sun": sunday})
    found = opening(NOW, both)
    assert found is not None
    assert found[0] == datetime.fromisoformat("2026-11-29T20:00:00+07:00")
    assert opening(NOW, Calendar(windows={"sat": SATURDAY, "f": freeze})) is None


def test_a_window_over_midnight_ends_on_the_next_day() -> None:
    night = SATURDAY.model_copy(update={"start": "22:00", "until": "02:00"})
    found = opening(NOW, Calendar(windows={"sat": night}))
    assert found is not None
    assert found[1] - found[0] == timedelta(hours=4)


@pytest.mark.parametrize(
    ("changed", "where", "counted"),
    [
        ({}, "production", 1),
        ({"environment": "recovery-site"}, "production", 1),
        ({"environment": "twin"}, "production", 0),
        ({"environment": "twin"}, "twin", 1),
        ({}, "twin", 0),
        ({"verdict": "FAIL"}, "production", 0),
        ({"executed": False}, "production", 0),
        ({"executed": False, "drill_type": "tabletop"}, "production", 1),
        ({"drill": "another"}, "production", 0),
    ],
)
def test_only_what_was_held_well_and_here_counts(changed: dict[str, Any], where: str, counted: int) -> None:
    assert len(held(DRILL, [(NOW, result(**changed))], Environment(where))) == counted


def test_a_result_of_the_future_is_passed_over() -> None:
    assert planned(-10)[0].last is None


TITLE = {"id": "Uji; titik, koma \\ dan\nbaris baru", "en": "x"}


def file(days: float | None = None, now: datetime = NOW, year: int | None = None) -> str:
    drill = DRILL.model_copy(
        update={"metadata": DRILL.metadata.model_copy(update={"title": DRILL.metadata.title.model_validate(TITLE)})}
    )
    done = [] if days is None else [NOW - timedelta(days=days)]
    found = plan_drill(drill, AGES, done, opening, now, year)
    return render_ical(found, inventory="lab", is_rehearsal=True, now=now)


def properties(text: str) -> list[tuple[str, str]]:
    """Read a calendar as a strict client would."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    lines = text.removesuffix("\r\n").split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    unfolded = text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")
    assert all(re.match(r"^[A-Z-]+(;[^:]+)?:", line) for line in unfolded)
    return [(line.partition(":")[0], line.partition(":")[2]) for line in unfolded]


def test_the_file_is_what_rfc_5545_asks_for() -> None:
    found = properties(file())
    assert [found[0], found[-1]] == [("BEGIN", "VCALENDAR"), ("END", "VCALENDAR")]
    names = [name for name, _ in found]
    assert [names.count(name) for name in ("VERSION", "PRODID", "METHOD")] == [1, 1, 1]
    event = dict(found[names.index("BEGIN", 1) : -1])
    assert event["UID"] == "loss-2026-1@lab.dcops"
    assert event["DTSTAMP"] == "20261124T120000Z"
    assert (event["DTSTART"], event["DTEND"]) == ("20261128T130000Z", "20261128T160000Z")
    assert event["STATUS"] == "TENTATIVE"
    assert event["SUMMARY"].startswith(r"GLADI / REHEARSAL: Uji\; titik\, koma \\ dan\nbaris baru")


def test_the_uid_stays_when_the_event_moves() -> None:
    def uids(text: str) -> list[str]:
        return [value for name, value in properties(text) if name == "UID"]

    assert uids(file()) == uids(file(now=NOW + timedelta(days=8))) == ["loss-2026-1@lab.dcops"]
    many = uids(file(year=2027))
    assert len(many) == len(set(many))


def test_what_has_no_window_is_no_event() -> None:
    found = plan_drill(DRILL, Ages(), [], opening, NOW)
    assert "VEVENT" not in render_ical(found, inventory="lab", is_rehearsal=False, now=NOW)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_folding_cuts_no_letter_and_loses_none(text: str) -> None:
    pieces = list(fold(text))
    assert all(len(piece.encode()) <= 75 for piece in pieces)
    assert all(piece.startswith(" ") for piece in pieces[1:])
    assert pieces[0] + "".join(piece[1:] for piece in pieces[1:]) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_an_escaped_text_is_one_line_and_reads_back(text: str) -> None:
    told = escape(text)
    assert "\n" not in told
    back = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], told)
    assert back == text.replace("\r", "")

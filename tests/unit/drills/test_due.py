"""Who is due for a drill: only what was executed where it counts is counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcops.core.words import Status
from dcops.drills.due import Asked, Due, judge_due
from dcops.records.kinds.drills import DrillResult

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = 86400.0
ASKED = Asked(criticality="critical", warning_seconds=270 * DAY, critical_seconds=365 * DAY)


def result(**changed: Any) -> DrillResult:
    fields: dict[str, Any] = {
        "drill": "naskah-db-loss", "drill_version": 1, "spec_sha256": "0" * 64, "app": "naskah", "exit_code": 0,
        "environment": "production", "is_rehearsal": False, "verdict": "PASS", "drill_type": "component",
        "executed": True,
    }  # fmt: skip
    return DrillResult.model_validate(fields | changed)


def judged(days: float = 10, asked: Asked = ASKED, **changed: Any) -> Due:
    found = judge_due("naskah", asked, [(NOW - timedelta(days=days), result(**changed))], NOW)
    assert found is not None
    return found


@pytest.mark.parametrize(("days", "status"), [(10, Status.PASS), (271, Status.WARN), (366, Status.FAIL)])
def test_age_decides(days: float, status: Status) -> None:
    found = judged(days)
    assert (found.status, found.drill) == (status, "naskah-db-loss")
    assert found.due_at == NOW - timedelta(days=days) + timedelta(days=365)


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": "FAIL"},
        {"verdict": "INCONCLUSIVE"},
        {"executed": False},
        {"executed": None},
        {"drill_type": "restore"},
        {"drill_type": "tabletop"},
        {"environment": "twin", "is_rehearsal": True},
        # The environment decides; what a record says of itself beside it does not.
        {"environment": "twin", "is_rehearsal": False},
        {"environment": "scratch"},
        {"app": "another"},
    ],
)
def test_what_recovered_nothing_where_it_counts_is_not_counted(changed: dict[str, Any]) -> None:
    found = judged(**changed)
    assert (found.status, found.last, found.due_at) == (Status.FAIL, None, None)
    assert found.reason.startswith("never drilled where it counts")


def test_a_rehearsal_is_shown_beside_and_the_recovery_site_counts() -> None:
    assert judged(environment="twin").rehearsed == NOW - timedelta(days=10)
    assert judged(environment="recovery-site").status is Status.PASS


def test_a_result_of_the_future_hides_nothing() -> None:
    assert judged(-1).last is None


def test_the_newest_counts() -> None:
    results = [
        (NOW - timedelta(days=days), result(drill=name)) for days, name in ((400, "old"), (5, "new"), (300, "mid"))
    ]
    found = judge_due("naskah", ASKED, results, NOW)
    assert found is not None
    assert (found.drill, found.status) == ("new", Status.PASS)


def test_what_nobody_set_is_unknown_and_only_critical_ones_are_asked() -> None:
    assert judged(asked=Asked(criticality=None)).status is Status.UNKNOWN
    assert judged(asked=Asked(criticality="critical")).status is Status.UNKNOWN
    assert judge_due("naskah", Asked(criticality="normal"), [], NOW) is None

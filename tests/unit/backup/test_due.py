"""When a backup is due, and when a schedule cannot keep the objective."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dcops.backup.due import plan_due
from dcops.backup.model import BackupPolicy
from dcops.core import yaml
from dcops.core.words import Status
from dcops.records.kinds.backup import Receipt

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DOCUMENT = yaml.load(Path(__file__).parents[3] / "inventory/lab/backup/naskah_dinas_elektronik.yml")
POLICY = BackupPolicy.model_validate(DOCUMENT | {"schedule": {"every": "30m"}})


def receipt(minutes_ago: float, seconds: float = 60.0, status: str = "done") -> Receipt:
    began = NOON - timedelta(minutes=minutes_ago)
    return Receipt.model_validate(
        {"application": "naskah_dinas_elektronik", "run": f"R{minutes_ago}", "status": status, "site": "jkt",
         "repository": "r", "repository_id": "i", "tool": "restic", "started_at": began,
         "finished_at": began + timedelta(seconds=seconds), "duration_seconds": seconds}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("receipts", "is_due", "reason"),
    [
        ([], True, "no good backup"),
        ([receipt(29)], False, "next in 1 min 00 s"),
        ([receipt(30)], True, "every 30 min"),
        ([receipt(29), receipt(90)], False, "next in"),
        ([receipt(40), receipt(5, status="failed")], True, "last begun 40 min"),
        ([receipt(5, status="failed")], True, "no good backup"),
        ([receipt(-10)], True, "10 min 00 s in the future"),
    ],
)
def test_due(receipts: list[Receipt], is_due: bool, reason: str) -> None:
    found = plan_due(POLICY, receipts, 3600, NOON)
    assert found.is_due is is_due
    assert reason in found.reason


def test_without_a_schedule_nothing_is_due_and_nothing_is_kept() -> None:
    found = plan_due(POLICY.model_copy(update={"schedule": None}), [receipt(9999)], 3600, NOON)
    assert not found.is_due
    assert found.exposure.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("receipts", "rpo", "status"),
    [
        ([receipt(50, 60)], 31 * 60, Status.PASS),
        ([receipt(50, 61)], 31 * 60, Status.FAIL),
        ([receipt(90, 600), receipt(50, 60)], 31 * 60, Status.FAIL),
        ([], 29 * 60, Status.FAIL),
        ([], 31 * 60, Status.UNKNOWN),
        ([receipt(50, 9999, "failed")], 31 * 60, Status.UNKNOWN),
        ([receipt(50)], None, Status.UNKNOWN),
    ],
)
def test_interval_and_duration_against_the_objective(
    receipts: list[Receipt], rpo: float | None, status: Status
) -> None:
    assert plan_due(POLICY, receipts, rpo, NOON).exposure.status is status


def test_only_the_last_seven_runs_are_measured() -> None:
    runs = [receipt(900, 3000), *(receipt(minutes, 60) for minutes in range(30, 37))]
    assert plan_due(POLICY, runs, 3600, NOON).exposure.worst_seconds == 30 * 60 + 60


def test_the_plan_names_sources_and_repository() -> None:
    found = plan_due(POLICY, [receipt(5)], 3600, NOON)
    assert found.sources == ("postgresql naskah at jkt-db1", "jkt-app1:/var/lib/naskah/lampiran")
    assert (found.repository, found.last_success) == ("drc-bkp1-jkt", NOON - timedelta(minutes=4))

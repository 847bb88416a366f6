"""3-2-1-1-0 decided from facts: what counts, what does not, and what is not known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcops.backup.copies import Copy, Limits, Line, Place, Role, Verdict, judge
from dcops.backup.due import Exposure
from dcops.core.words import Status

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LIMITS = Limits(copy_age_seconds=3600, test_age_seconds=86400)
KEPT = Exposure(status=Status.PASS, worst_seconds=1800, rpo_seconds=3600, reason="fits")


def place(site: str | None, machine: str | None, filesystem: str | None = "fs", *, seen: bool = True) -> Place:
    return Place(site=site, machine=machine, filesystem=filesystem, is_observed=seen, shown_by=f"device:{machine}")


def backup(name: str, where: Place, **fields: Any) -> Copy:
    defaults: dict[str, Any] = {
        "taken_at": NOON - timedelta(minutes=10), "destroyers": (), "custody_shown_by": "credentials.yml",
        "tested_at": NOON - timedelta(hours=2), "tested_by": f"jkt/7 backup.verification {name}",
    }  # fmt: skip
    return Copy.model_validate(
        {"name": name, "role": Role.BACKUP, "place": where, "shown_by": f"jkt/3 {name}"} | defaults | fields
    )


PRODUCTION = Copy(name="jkt-db1", role=Role.PRODUCTION, place=place("jkt", "m-db1"), shown_by="applications.yml")
REPLICA = Copy(name="drc-db1", role=Role.REPLICA, place=place("drc", "m-db2"), shown_by="applications.yml")
NEAR = backup("near", place("jkt", "m-bkp0"))
FAR = backup("far", place("drc", "m-bkp1"))


def lines(*copies: Copy, limits: Limits = LIMITS, exposure: Exposure = KEPT) -> dict[str, Line]:
    return {line.rule: line for line in judge(copies, exposure, limits, NOON)}


def test_all_is_well() -> None:
    found = lines(PRODUCTION, NEAR, FAR)
    assert list(found) == ["3 copies", "2 media", "1 off-site", "1 append-only", "0 untested", "RPO", "fresh"]
    assert {line.verdict for line in found.values()} == {Verdict.OK}
    assert found["3 copies"].shown_by == ("applications.yml", "jkt/3 near", "jkt/3 far")


def test_a_replica_is_no_copy() -> None:
    line = lines(PRODUCTION, REPLICA, FAR)["3 copies"]
    assert line.verdict is Verdict.FAIL
    assert "2 of 3" in line.reason
    assert "replica: drc-db1" in line.reason


@pytest.mark.parametrize(
    ("taken_at", "verdict"), [(None, Verdict.UNKNOWN), (NOON + timedelta(seconds=1), Verdict.FAIL)]
)
def test_a_copy_without_a_receipt_or_from_the_future_does_not_count(
    taken_at: datetime | None, verdict: Verdict
) -> None:
    found = lines(PRODUCTION, NEAR, backup("far", place("drc", "m"), taken_at=taken_at))
    assert found["3 copies"].verdict is verdict
    assert found["1 off-site"].verdict is verdict


def test_too_few_copies_fail_even_if_the_unseen_one_is_there() -> None:
    found = lines(PRODUCTION, backup("far", place("drc", "m"), taken_at=None))
    assert found["3 copies"].verdict is Verdict.FAIL
    assert found["1 append-only"].verdict is Verdict.UNKNOWN
    assert found["0 untested"].verdict is Verdict.UNKNOWN


def test_an_unseen_copy_hides_no_untested_one() -> None:
    unseen = backup("far", place("drc", "m"), taken_at=None)
    assert lines(PRODUCTION, backup("x", place("jkt", "m2"), tested_at=None), unseen)["0 untested"].verdict == "fail"


def test_two_repositories_on_one_file_system_are_one_medium() -> None:
    disk = place("drc", "m-bkp1")
    nowhere = PRODUCTION.model_copy(update={"place": place("drc", "m-bkp1")})
    assert lines(nowhere, backup("a", disk), backup("b", disk))["2 media"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("where", "verdict"),
    [
        (place("jkt", "m-db1", "fs"), Verdict.FAIL),
        (place("jkt", "m-db1", "other"), Verdict.OK),
        (place("jkt", "m-db1", None), Verdict.UNKNOWN),
        (place("jkt", None), Verdict.UNKNOWN),
        (place("jkt", "m-bkp0", None), Verdict.OK),
        (place("jkt", "m-bkp0", seen=False), Verdict.DECLARED),
    ],
)
def test_media_are_file_systems_and_machines(where: Place, verdict: Verdict) -> None:
    assert lines(PRODUCTION, backup("one", where))["2 media"].verdict is verdict


@pytest.mark.parametrize(
    ("where", "verdict"),
    [
        (place("drc", "m"), Verdict.OK),
        (place("drc", "m", seen=False), Verdict.DECLARED),
        (place("jkt", "m"), Verdict.FAIL),
        (place(None, "m"), Verdict.UNKNOWN),
    ],
)
def test_off_site_is_another_site_than_production(where: Place, verdict: Verdict) -> None:
    assert lines(PRODUCTION, backup("one", where))["1 off-site"].verdict is verdict


def test_without_the_site_of_production_nothing_is_off_site() -> None:
    nowhere = PRODUCTION.model_copy(update={"place": place(None, "m-db1")})
    assert lines(nowhere, FAR)["1 off-site"].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("destroyers", "verdict", "reason"),
    [
        ((), Verdict.OK, "can delete one"),
        (("operations-jkt",), Verdict.FAIL, "operations-jkt could delete one"),
        (None, Verdict.UNKNOWN, "does not say who"),
    ],
)
def test_append_only_follows_custody(destroyers: tuple[str, ...] | None, verdict: Verdict, reason: str) -> None:
    line = lines(PRODUCTION, backup("one", place("drc", "m"), destroyers=destroyers))["1 append-only"]
    assert line.verdict is verdict
    assert reason in line.reason


def test_one_append_only_copy_is_enough() -> None:
    assert lines(PRODUCTION, FAR, backup("x", place("jkt", "m"), destroyers=("k",)))["1 append-only"].verdict == "ok"


@pytest.mark.parametrize(
    ("tested_at", "verdict", "reason"),
    [
        (None, Verdict.FAIL, "x was never restored"),
        (NOON - timedelta(days=1), Verdict.OK, "came back"),
        (NOON - timedelta(days=1, seconds=1), Verdict.FAIL, "limit"),
        (NOON + timedelta(minutes=1), Verdict.FAIL, "future"),
    ],
)
def test_every_copy_is_tested_and_lately(tested_at: datetime | None, verdict: Verdict, reason: str) -> None:
    line = lines(PRODUCTION, FAR, backup("x", place("jkt", "m"), tested_at=tested_at))["0 untested"]
    assert line.verdict is verdict
    assert reason in line.reason


@pytest.mark.parametrize("rule", ["0 untested", "fresh"])
def test_a_limit_nobody_set_is_unknown(rule: str) -> None:
    assert lines(PRODUCTION, FAR, limits=Limits())[rule].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("age", "verdict"),
    [(3600, Verdict.OK), (3601, Verdict.FAIL), (-1, Verdict.FAIL)],
)
def test_fresh(age: float, verdict: Verdict) -> None:
    found = lines(PRODUCTION, backup("x", place("drc", "m"), taken_at=NOON - timedelta(seconds=age)))
    assert found["fresh"].verdict is verdict


def test_without_any_backup_nothing_holds() -> None:
    found = lines(PRODUCTION)
    assert [line.verdict.value for line in found.values()] == ["fail"] * 5 + ["ok", "unknown"]
    assert all(line.is_broken for rule, line in found.items() if rule != "RPO")


@pytest.mark.parametrize(
    ("status", "verdict"), [(Status.PASS, "ok"), (Status.FAIL, "fail"), (Status.UNKNOWN, "unknown")]
)
def test_the_objective_is_judged_as_the_plan_does(status: Status, verdict: str) -> None:
    assert lines(PRODUCTION, exposure=KEPT.model_copy(update={"status": status}))["RPO"].verdict == verdict


def test_a_number_nobody_set_is_unknown_and_another_is_asked_for() -> None:
    unset = Limits(copies=None, media=None, off_site=None, append_only=None)
    found = lines(PRODUCTION, NEAR, FAR, limits=unset)
    assert [found[rule].verdict for rule in ("copies", "media", "off-site", "append-only")] == [Verdict.UNKNOWN] * 4
    assert lines(PRODUCTION, NEAR, FAR, limits=Limits(copies=4))["4 copies"].verdict is Verdict.FAIL

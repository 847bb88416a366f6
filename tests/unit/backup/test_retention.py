"""Which snapshots may go: never below the verified minimum, never on a stranger's word, whatever the order."""

import hashlib
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcops.backup.doubts import DoubtKind, Known
from dcops.backup.model import Snapshot
from dcops.backup.retention import Decision, Rules, decide
from dcops.backup.vouchers import VouchedSnapshot, Voucher

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PARTS = ("dump", "files", "manifest")
RULES = Rules(keep_within_seconds=3 * 86400, minimum_verified=2, daily=5, monthly=3)


def name(run: str, part: str, application: str = "a") -> str:
    return hashlib.sha256(f"{application}{run}{part}".encode()).hexdigest()


def parts(run: str, at: datetime, application: str = "a") -> list[Snapshot]:
    return [
        Snapshot(id=name(run, part, application), time=at, tree=f"t{run}{part}", hostname="ops1",
                 tags=(f"app={application}", f"run={run}", f"part={part}"))
        for part in PARTS
    ]  # fmt: skip


def voucher(run: str, at: datetime, application: str = "a", **changed: Any) -> Voucher:
    fields: dict[str, Any] = {
        "application": application, "run": run, "is_complete": True, "started_at": at,
        "finished_at": at + timedelta(minutes=1), "recorded_at": at + timedelta(minutes=1), "shown_by": f"ops1:{run}",
        "snapshots": tuple(VouchedSnapshot(id=name(run, p, application), tree=f"t{run}{p}") for p in PARTS),
    }  # fmt: skip
    return Voucher.model_validate(fields | changed)


def history(ages_hours: Mapping[str, float], verified: set[str]) -> tuple[list[Snapshot], Known]:
    """One complete set for each run, so many hours old."""
    times = {run: NOW - timedelta(hours=age) for run, age in ages_hours.items()}
    snapshots = [each for run, at in times.items() for each in parts(run, at)]
    known = Known(
        vouchers=tuple(voucher(run, at) for run, at in times.items()),
        started={run: at - timedelta(seconds=5) for run, at in times.items()},
        verified=frozenset(("a", run) for run in verified), until=NOW,
    )  # fmt: skip
    return snapshots, known


HOURLY = {f"r{hours:04d}": float(hours) for hours in range(1, 24 * 40, 5)}


def kept(decision: Decision) -> dict[str, tuple[str, ...]]:
    return {group.run: group.reasons for group in decision.keep}


def test_rules_keep_the_newest_of_each_and_the_rest_goes() -> None:
    snapshots, known = history(HOURLY, {"r0001", "r0006", "r0901", "r0951"})
    decision = decide(snapshots, known, {"a": RULES}, NOW)
    assert decision.doubts == ()
    found = kept(decision)
    assert {run for run, reasons in found.items() if any("within" in each for each in reasons)} == {
        run for run, age in HOURLY.items() if age <= 73
    }
    assert found["r0001"] == ("the newest", "within 3 d 0 h of the newest", "daily", "monthly", "verified, 1 of 2")
    assert "verified, 2 of 2" in found["r0006"]
    assert "r0951" not in found  # verified, and not among the last two
    assert {group.run for group in decision.forget} == set(HOURLY) - set(found)
    assert len(decision.ids) == 3 * len(decision.forget)


def test_the_manifest_goes_first() -> None:
    snapshots, known = history({"r1": 1, "r2": 2, "r9": 2000}, {"r1", "r2"})
    (gone,) = decide(snapshots, known, {"a": RULES.model_copy(update={"monthly": 0, "daily": 0})}, NOW).forget
    assert gone.snapshots[0] == name("r9", "manifest")


@pytest.mark.parametrize(
    ("rules", "verified", "why"),
    [
        (RULES, {"r0006"}, "only 1 of at least 2 sets are verified"),
        (Rules(keep_within_seconds=60), {"r0001", "r0006"}, "the policy sets no minimum of verified sets"),
        (Rules(minimum_verified=1), {"r0001", "r0006"}, "the policy sets no rule of what to keep"),
    ],
)
def test_nothing_goes_while_a_rule_is_missing(rules: Rules, verified: set[str], why: str) -> None:
    snapshots, known = history(HOURLY, verified)
    decision = decide(snapshots, known, {"a": rules}, NOW)
    assert decision.forget == ()
    assert all(why in reasons for reasons in kept(decision).values())


def test_a_plan_of_nothing_is_empty() -> None:
    assert decide([], Known(until=NOW), {"a": RULES}, NOW) == Decision()


def test_the_last_verified_stay_however_old_they_are() -> None:
    snapshots, known = history(HOURLY | {"old1": 9000, "old2": 9999}, {"old1", "old2"})
    found = kept(decide(snapshots, known, {"a": RULES}, NOW))
    assert (found["old1"][-1], found["old2"]) == ("verified, 1 of 2", ("verified, 2 of 2",))


def with_one(snapshot: Snapshot, *more: Voucher, started: dict[str, datetime] | None = None) -> Decision:
    snapshots, known = history(HOURLY, {"r0001", "r0006"})
    known = known.model_copy(
        update={"vouchers": known.vouchers + more, "started": {**known.started, **(started or {})}}
    )
    return decide([*snapshots, snapshot], known, {"a": RULES}, NOW)


DAY_AGO = NOW - timedelta(days=20)
STRANGE = parts("x1", DAY_AGO)[0]


@pytest.mark.parametrize(
    ("snapshot", "more", "kind", "why"),
    [
        (STRANGE, (), DoubtKind.FORGED, "no receipt names it"),
        (STRANGE.model_copy(update={"tags": ()}), (), DoubtKind.UNKNOWN, "no tags of dcops"),
        (parts("x1", DAY_AGO, "b")[0], (), DoubtKind.UNKNOWN, 'no policy lets "b" store here'),
        (parts("x1", NOW + timedelta(minutes=2))[0], (), DoubtKind.FUTURE, "dated 2 min 00 s in the future"),
        # The receipt is genuine, the snapshot's time was chosen by whoever added it.
        (STRANGE, (voucher("x1", DAY_AGO + timedelta(minutes=11)),), DoubtKind.TIME, "is 11 min 00 s off"),
        (STRANGE, (voucher("x1", DAY_AGO - timedelta(minutes=12)),), DoubtKind.TIME, "is 11 min 00 s off"),
        # A receipt written today of a run twenty days ago: the only kind a thief of the key can still add.
        (STRANGE, (voucher("x1", DAY_AGO, recorded_at=NOW),), DoubtKind.TIME, "was written 19 d 23 h after the run"),
        (STRANGE, (voucher("x2", DAY_AGO, snapshots=(VouchedSnapshot(id=STRANGE.id),)),), DoubtKind.FORGED, "its tags"),
        (STRANGE.model_copy(update={"tree": "another"}), (voucher("x1", DAY_AGO),), DoubtKind.FORGED, "another tree"),
        # Added beside the three that the run's receipt names.
        (parts("r0001", NOW - timedelta(hours=1))[0].model_copy(update={"id": "f" * 64}), (), DoubtKind.FORGED,
         "names other snapshots"),
    ],
)  # fmt: skip
def test_one_snapshot_in_doubt_stops_everything(
    snapshot: Snapshot, more: tuple[Voucher, ...], kind: DoubtKind, why: str
) -> None:
    decision = with_one(snapshot, *more)
    assert [(each.snapshot, each.kind) for each in decision.doubts] == [(snapshot.id, kind)]
    assert why in decision.doubts[0].reason
    assert decision.ids == ()
    assert snapshot.tag("run") == "r0001" or decision.forget  # there was something to forget


@pytest.mark.parametrize("minutes", [-9, 9])
def test_ten_minutes_off_are_believed(minutes: int) -> None:
    assert with_one(STRANGE, voucher("x1", DAY_AGO + timedelta(minutes=minutes))).doubts == ()


def test_what_a_killed_run_left_goes_in_time_and_stops_nothing() -> None:
    decision = with_one(STRANGE, started={"x1": DAY_AGO})
    assert decision.doubts == ()
    assert STRANGE.id in decision.ids
    young = parts("x1", NOW - timedelta(hours=80))[0]
    assert young.id in with_one(young, started={"x1": young.time}).ids
    assert with_one(STRANGE, started={"x1": NOW}).doubts[0].kind is DoubtKind.TIME


def test_a_run_at_work_while_the_journals_were_fetched_is_no_forger() -> None:
    begun = parts("x1", NOW - timedelta(seconds=20))[0]
    decision = with_one(begun)
    assert decision.doubts == ()
    assert begun.id not in decision.ids


def test_a_set_with_a_part_gone_is_no_set() -> None:
    snapshots, known = history({"r1": 1, "r2": 2, "r3": 30 * 24}, {"r1", "r2", "r3"})
    decision = decide(snapshots[1:], known, {"a": RULES}, NOW)
    assert all("verified" not in reason for reason in kept(decision)["r1"])
    assert "verified, 2 of 2" in kept(decision)["r3"]


def test_short_ids_of_an_old_restic_are_enough() -> None:
    short = tuple(VouchedSnapshot(id=name("x1", part)[:8]) for part in PARTS)
    snapshots = parts("x1", DAY_AGO)
    assert with_one(snapshots[0], voucher("x1", DAY_AGO, snapshots=short)).doubts == ()
    shorter = (VouchedSnapshot(id=""),)
    assert with_one(snapshots[0], voucher("x1", DAY_AGO, snapshots=shorter)).doubts[0].kind is DoubtKind.FORGED


RUNS = st.dictionaries(
    st.integers(0, 200).map(lambda n: f"r{n:03d}"), st.integers(0, 20000), max_size=25
)  # fmt: skip
RULE_SETS = st.builds(
    Rules, keep_within_seconds=st.none() | st.floats(0, 40 * 86400), minimum_verified=st.none() | st.integers(0, 5),
    hourly=st.integers(0, 5), daily=st.integers(0, 5), weekly=st.integers(0, 5), monthly=st.integers(0, 5),
    yearly=st.integers(0, 5),
)  # fmt: skip


@given(RUNS, RULE_SETS, st.data())
def test_never_below_the_verified_minimum_and_never_without_the_newest(
    ages: dict[str, int], rules: Rules, data: st.DataObject
) -> None:
    verified = data.draw(st.sets(st.sampled_from(sorted(ages)))) if ages else set()
    snapshots, known = history(ages, verified)
    decision = decide(snapshots, known, {"a": rules}, NOW)
    assert decision.doubts == ()
    left = [group for group in decision.keep if group.is_verified]
    assert len(left) >= min(rules.minimum_verified or 0, len(verified))
    newest = sorted(verified, key=lambda run: (-ages[run], run))[len(verified) - (rules.minimum_verified or 0) :]
    if (rules.minimum_verified or 0) <= len(verified):
        assert set(newest if rules.minimum_verified else []) <= {group.run for group in left}
    if ages:
        assert min(ages.values()) in {ages[group.run] for group in decision.keep}
    if rules.minimum_verified is None:
        assert decision.forget == ()
    # What stays and what goes are everything, and nothing twice.
    everything = [each for group in (*decision.keep, *decision.forget) for each in group.snapshots]
    assert sorted(everything) == sorted(each.id for each in snapshots)


@given(RUNS, RULE_SETS, st.integers(0, 2**32))
def test_order_changes_nothing(ages: dict[str, int], rules: Rules, seed: int) -> None:
    snapshots, known = history(ages, set(list(ages)[::2]))
    mixed, mixed_known = list(snapshots), list(known.vouchers)
    random.Random(seed).shuffle(mixed)
    random.Random(seed).shuffle(mixed_known)
    again = known.model_copy(update={"vouchers": tuple(mixed_known)})
    assert decide(mixed, again, {"a": rules}, NOW) == decide(snapshots, known, {"a": rules}, NOW)


@given(RUNS, RULE_SETS)
def test_a_second_time_there_is_nothing_more_to_forget(ages: dict[str, int], rules: Rules) -> None:
    snapshots, known = history(ages, set(ages))
    gone = set(decide(snapshots, known, {"a": rules}, NOW).ids)
    left = [each for each in snapshots if each.id not in gone]
    assert decide(left, known, {"a": rules}, NOW).forget == ()


@given(RUNS, st.lists(st.integers(0, 20000), max_size=10))
def test_forged_snapshots_never_push_a_set_out(ages: dict[str, int], forged: list[int]) -> None:
    snapshots, known = history(ages, set(ages))
    flood = [
        parts(f"z{number}", NOW - timedelta(hours=age))[0].model_copy(update={"id": f"{number:064d}"})
        for number, age in enumerate(forged)
    ]
    decision = decide([*snapshots, *flood], known, {"a": RULES}, NOW)
    clean = decide(snapshots, known, {"a": RULES}, NOW)
    own = {group.run: group.reasons for group in decision.keep if group.run in ages}
    assert own == {group.run: group.reasons for group in clean.keep}
    assert (decision.ids == ()) or not decision.doubts

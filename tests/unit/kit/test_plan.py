"""What goes into a kit, and what it lacks today."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from dcops.core.words import Environment, Status, Value, ValueStatus
from dcops.inventory import load
from dcops.kit.exposition import exposition
from dcops.kit.model import About, Line, Today
from dcops.kit.plan import judge, wanted_secrets
from dcops.kit.service import check_kit
from tests.unit.kit.conftest import NOW, REPOSITORY, facts

LAB = Path(__file__).parents[3] / "inventory" / "lab"
DAYS_90 = Value[float](value=7776000.0)


def lines(about: About, **changes: object) -> dict[str, Line]:
    fields = {
        "inventory": facts(),
        "fingerprints": {each.name: each.fingerprint for each in about.secrets},
        "max_age": DAYS_90,
    }
    now = changes.pop("now", NOW + timedelta(days=1))
    return {line.rule: line for line in judge(about, Today(**(fields | changes)), now)}  # type: ignore[arg-type]


@pytest.fixture
def about(make) -> About:  # type: ignore[no-untyped-def]
    found: About = check_kit(make().path).about
    return found


def test_a_kit_of_today_passes(about: About) -> None:
    assert {line.status for line in lines(about).values()} == {Status.PASS}


@pytest.mark.parametrize(
    ("days", "limit", "status"),
    [
        (89, DAYS_90, Status.PASS), (91, DAYS_90, Status.FAIL), (-1, DAYS_90, Status.FAIL),
        (1, None, Status.UNKNOWN), (1, Value[float](), Status.UNKNOWN),
    ],
)  # fmt: skip
def test_age_is_held_against_the_policy(about: About, days: int, limit: Value[float] | None, status: Status) -> None:
    assert lines(about, now=NOW + timedelta(days=days), max_age=limit)["age"].status is status


def test_age_says_whether_somebody_adopted_the_limit(about: About) -> None:
    adopted = Value[float](value=1.0, status=ValueStatus.ADOPTED, by="x", decision="y")
    assert "(proposed)" in lines(about)["age"].reason
    assert "(adopted)" in lines(about, max_age=adopted)["age"].reason


def test_a_kit_older_than_the_inventory_names_what_it_lacks(about: About) -> None:
    today = facts(revision="b" * 64, devices=("jkt-db1", "drc-db2"), credentials=("restic-password", "new-one"))
    line = lines(about, inventory=today)["inventory"]
    assert line.status is Status.FAIL
    assert "older than the inventory" in line.reason
    assert line.reason.endswith("not in it: device drc-db2, credential new-one")
    same = lines(about, inventory=facts(revision="b" * 64))["inventory"]
    assert same.status is Status.FAIL
    assert "the same devices" in same.reason
    other = facts(name="production", environment=Environment.PRODUCTION)
    assert lines(about, inventory=other)["inventory"].status is Status.FAIL


def test_changed_new_and_unseen_secrets(about: About) -> None:
    known = {each.name: each.fingerprint for each in about.secrets}
    changed = lines(about, fingerprints=known | {"restic-password": "f" * 64})["secrets"]
    assert (changed.status, "changed since: restic-password" in changed.reason) == (Status.FAIL, True)
    new = lines(about, fingerprints=known | {"token": "0" * 64})["secrets"]
    assert (new.status, "not in it: token" in new.reason) == (Status.FAIL, True)
    unseen = lines(about, fingerprints=known | {"host key": None})["secrets"]
    assert (unseen.status, "1 of 2 compared; not on this host: host key" in unseen.reason) == (Status.UNKNOWN, True)


def test_a_kit_without_packages_is_warned_of(make) -> None:  # type: ignore[no-untyped-def]
    found = check_kit(make(has_packages=False).path).about
    assert lines(found)["packages"].status is Status.WARN


def test_what_could_destroy_the_last_copy_and_what_is_a_persons_never_goes_in() -> None:
    wanted, gaps = wanted_secrets(load(LAB), [REPOSITORY])
    never = {gap.name: gap.why for gap in gaps}
    assert {"retention", "operator-1", "approver-1", "operations-jkt"} <= set(never)
    assert never["retention"] == "it could destroy a backup repository"
    refs = {each.ref: each for each in wanted}
    assert {"file:restic-password", "file:restic-http-drc", "file:ca.key", "file:identity.key"} <= set(refs)
    assert refs["file:ca.crt"].is_public
    assert not refs["file:ca.key"].is_public
    assert not {"file:retention", "file:operator-1", "file:approver-1"} & set(refs)
    assert len({each.name for each in wanted}) == len(wanted)


def test_secrets_that_are_no_files_get_a_name_of_their_own() -> None:
    repository = REPOSITORY.model_copy(update={"secrets": ("vault:keys/a.yml#restic", "env:RESTIC", "file:/etc/x")})
    empty = SimpleNamespace(credentials={}, certificates={})
    wanted, _ = wanted_secrets(empty, [repository])  # type: ignore[arg-type]
    assert {each.ref: each.file for each in wanted} == {
        "vault:keys/a.yml#restic": "vault-keys-a.yml-restic", "env:RESTIC": "env-RESTIC", "file:ca.crt": "ca.crt",
    }  # fmt: skip


def test_the_metric_is_the_newest_kit_and_absent_without_one() -> None:
    text = exposition([NOW, NOW - timedelta(days=3)], 7776000.0)
    assert f"dcops_kit_last_build_timestamp_seconds {NOW.timestamp()}\n" in text
    assert "dcops_kit_max_age_seconds 7776000.0\n" in text
    assert exposition([], None) == ""

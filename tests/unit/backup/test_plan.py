"""Decisions about backups: identity, freshness, what is missing, what a restore must equal."""

from datetime import UTC, datetime, timedelta

import pytest

from dcops.backup.model import DumpFacts, Invariant, Manifest, RestoredFacts, Saved, Snapshot, StoredFile
from dcops.backup.plan import (
    check_clock,
    check_identity,
    compare_facts,
    compare_restored,
    does_hold,
    freshness,
    missing_files,
    newest_manifest,
    refuse_small,
    sample_files,
    settled,
    shrink_warning,
    tags_of,
)
from dcops.core.errors import DcopsError, IntegrityFailure, PolicyBroken, Refused
from dcops.core.words import Value

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FACTS = DumpFacts(
    database="naskah", server_version="17", system_identifier="1", rows={"surat": 1}, newest=NOON,
    referenced=("a" * 64, "b" * 64), clock_offset_seconds=0.1,
)  # fmt: skip
FILES = (StoredFile(sha256="a" * 64, size_bytes=1), StoredFile(sha256="b" * 64, size_bytes=2))
MANIFEST = Manifest(
    application="naskah", run="R1", environment="twin", site="jkt", repository_id="r", snapshot_at=NOON, facts=FACTS,
    dump_snapshot="d", dump_name="naskah.dump", dump_sha256="c" * 64, dump_bytes=9, files_snapshot="f", files=FILES,
)  # fmt: skip


def snapshot(name: str, minutes: int, run: str = "R1", part: str = "manifest", app: str = "naskah") -> Snapshot:
    return Snapshot(
        id=name, time=NOON + timedelta(minutes=minutes), tree="t", hostname="h", tags=tags_of(app, run, part)
    )


def test_only_a_set_with_its_manifest_counts() -> None:
    listed = [
        snapshot("a", 0),
        snapshot("b", 5, run="R2"),
        snapshot("c", 9, run="R3", part="dump"),
        snapshot("d", 9, app="x"),
    ]
    newest = newest_manifest(listed, "naskah")
    assert newest is not None
    assert newest.id == "b"
    first = newest_manifest(listed, "naskah", "1")
    assert first is not None
    assert first.id == "a"
    assert newest_manifest(listed, "other") is None


def test_another_repository_is_refused_and_the_first_is_enrolled() -> None:
    check_identity("abc", None, "here")
    check_identity("abc", "abc", "here")
    with pytest.raises(Refused, match="enrolled is"):
        check_identity("abc", "def", "here")


def test_a_clock_that_is_off_is_no_clock() -> None:
    check_clock(FACTS)
    with pytest.raises(PolicyBroken, match=r"off by \+6\.0 s"):
        check_clock(FACTS.model_copy(update={"clock_offset_seconds": 6.0}))


def test_rows_without_their_file() -> None:
    assert missing_files(FACTS, FILES) == ()
    assert missing_files(FACTS, FILES[:1]) == ("b" * 64,)


def test_freshness_is_never_pass_without_a_receipt_or_a_limit() -> None:
    limit = Value[float](value=3600.0)
    assert freshness("x", NOON, limit, NOON + timedelta(minutes=59)).status == "pass"
    assert freshness("x", NOON, limit, NOON + timedelta(minutes=61)).status == "fail"
    assert "proposed limit" in freshness("x", NOON, limit, NOON).reason
    assert freshness("x", None, limit, NOON).status == "unknown"
    assert freshness("x", NOON, Value[float](), NOON).status == "unknown"


def test_a_dump_that_shrank_warns_and_a_tiny_one_is_refused() -> None:
    assert shrink_warning(100, []) is None
    assert shrink_warning(60, [100, 100, 100]) is None
    assert "median of the last 3 is 100" in str(shrink_warning(49, [100, 90, 110]))
    with pytest.raises(PolicyBroken):
        refuse_small(9, 10, "naskah.dump")


def test_a_restore_must_equal_its_manifest() -> None:
    good = {file.sha256: file.sha256 for file in FILES}
    compare_restored(MANIFEST, "c" * 64, good)
    with pytest.raises(DcopsError, match="not the one that was stored"):
        compare_restored(MANIFEST, "d" * 64, good)
    with pytest.raises(DcopsError, match="1 differ, 0 are missing"):
        compare_restored(MANIFEST, "c" * 64, {**good, "a" * 64: "e" * 64})
    with pytest.raises(DcopsError, match="0 differ, 1 are missing"):
        compare_restored(MANIFEST, "c" * 64, {"a" * 64: "a" * 64})


def test_a_snapshot_just_saved_must_be_in_the_list() -> None:
    listed = [snapshot("abc123", 0), snapshot("abd999", 1)]
    saved = Saved(snapshot="abc", files=1, size_bytes=1, added_bytes=1, seconds=1)
    assert settled(saved, listed, "r").snapshot == "abc123"
    with pytest.raises(DcopsError, match="not in the list"):
        settled(saved.model_copy(update={"snapshot": "ab"}), listed, "r")


def test_the_manifest_has_one_text() -> None:
    again = Manifest.model_validate_json(MANIFEST.canonical())
    assert again == MANIFEST
    assert again.digest() == MANIFEST.digest()
    assert MANIFEST.files_bytes == 3


def test_a_sample_follows_its_seed_and_is_never_more_than_there_is() -> None:
    files = tuple(StoredFile(sha256=f"{number:064x}", size_bytes=1) for number in range(50))
    first = sample_files(files, 5, "RUN1")
    assert first == sample_files(tuple(reversed(files)), 5, "RUN1")
    assert first != sample_files(files, 5, "RUN2")
    assert len(set(first)) == 5
    assert sample_files(files, 500, "RUN1") == files


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": {"surat": 2}}, "surat has 2 rows, the manifest says 1"),
        ({"rows": {}}, "surat has no rows, the manifest says 1"),
        ({"rows": {"surat": 1, "extra": 0}}, "extra has 0 rows, the manifest says no"),
        ({"newest": NOON + timedelta(seconds=1)}, "the newest row is of"),
        ({"referenced": ("a" * 64,)}, "rows name 1 files, the manifest says 2"),
    ],
)
def test_a_restored_database_must_hold_what_the_dump_held(change: dict[str, object], message: str) -> None:
    same = RestoredFacts(engine="15", rows={"surat": 1}, newest=NOON, referenced=("b" * 64, "a" * 64))
    compare_facts(MANIFEST, same)
    with pytest.raises(IntegrityFailure, match=message):
        compare_facts(MANIFEST, same.model_copy(update=change))


@pytest.mark.parametrize(
    ("expect", "found", "holds"),
    [(True, True, True), (True, 1, False), (1, True, False), (0, 0, True), (0, None, False), (0, "0", False),
     (0.5, 0.5, True), (False, False, True), (3, 3.0, True)],
)  # fmt: skip
def test_an_invariant_holds_for_its_own_kind_of_answer_only(expect: object, found: object, holds: bool) -> None:
    invariant = Invariant.model_validate({"id": "x", "sql": "SELECT 1", "expect": expect})
    assert does_hold(invariant, found) is holds

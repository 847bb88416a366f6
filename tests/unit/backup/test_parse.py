"""restic's words and exit codes -> our errors, and its JSON -> our types, for old and new versions."""

import pytest

from dcops.backup.exposition import Objectives, exposition
from dcops.backup.features import MINIMUM, NEWEST_KNOWN, SINCE, ResticFeatures, features_of, parse_version
from dcops.backup.parse import (
    classify_failure,
    json_lines,
    parse_backup_summary,
    parse_repository_id,
    parse_snapshots,
    saved_from,
)
from dcops.core.errors import (
    AuthenticationFailed,
    DcopsError,
    IntegrityFailure,
    Locked,
    ParseError,
    RepositoryMissing,
    Unreachable,
    WrongKey,
)

MISSING = """Fatal: unable to open config file: stat /nonexist/config: no such file or directory
Is there a repository at the following location?
/nonexist
"""
LOCKED = """unable to create lock in backend: repository is already locked by PID 11857 on vm by root (UID 0, GID 0)
lock was created at 2026-11-24 04:12:58 (1.148541991s ago)
storage ID 8f4679bf
the `unlock` command can be used to remove stale locks
"""
DAMAGED = """Pack ID does not match, want df0ef632f97c, got 64ab5fd86dcf
Fatal: repository contains errors
"""


@pytest.mark.parametrize(
    ("status", "stderr", "kind", "code"),
    [
        (1, MISSING, RepositoryMissing, 10),
        (10, "Fatal: repository does not exist", RepositoryMissing, 10),
        (1, "Fatal: wrong password or no key found\n", WrongKey, 12),
        (12, "anything", WrongKey, 12),
        (1, LOCKED, Locked, 11),
        (11, "anything", Locked, 11),
        (1, DAMAGED, IntegrityFailure, 13),
        (
            1,
            "ignoring error for /d: ciphertext verification failed\nFatal: There were 1 errors\n",
            IntegrityFailure,
            13,
        ),
        (1, "Fatal: dial tcp 198.18.20.15:8000: connect: connection refused", Unreachable, 5),
        (
            1,
            "Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized",
            AuthenticationFailed,
            5,
        ),
        (1, "x509: certificate signed by unknown authority", AuthenticationFailed, 5),
        (1, "Fatal: something new", DcopsError, 1),
        (77, "", DcopsError, 1),
    ],
)
def test_each_failure_has_its_own_error(status: int, stderr: str, kind: type[DcopsError], code: int) -> None:
    error = classify_failure(status, stderr, "rest:https://server/jkt/")
    assert type(error) is kind
    assert error.exit_code == code
    assert error.where == "rest:https://server/jkt/"


# What restic 0.14.0 wrote for a repository damaged on purpose, in each way, with status 1.
DAMAGES = {
    "pack gone, check": "pack 16ba711afe49: does not exist\nFatal: repository contains errors",
    "pack gone, restore": "Load(<data/16ba711afe>, 900150, 0) returned error, retrying: open r/data/16/16ba:"
    " no such file or directory\nFatal: There were 3 errors",
    "pack cut, check": "pack 16ba711afe49: unexpected file size: got 1000, expected 900309",
    "pack cut, restore": "Load(<data/16ba711afe>, 900150, 0) returned error, retrying: ReadFull: unexpected EOF",
    "index damaged": "error: error loading index 68ec: load <index/68ecc98d48>: invalid data returned\n"
    "Fatal: LoadIndex returned errors",
    "index gone": "ignoring error for /: id 43b048e13ba0 not found in repository\nFatal: There were 2 errors",
    "snapshot damaged": "latest snapshot for criteria not found: Error loading snapshot 422d4ee7:"
    " load <snapshot/422d4ee7f2>: invalid data returned Paths:[] Hosts:[]",
    "configuration damaged": "Fatal: config or key 0c391c1f68b6 is damaged: ciphertext verification failed",
    "key damaged": "Fatal: Unmarshal: invalid character 'g' looking for beginning of value",
}


@pytest.mark.parametrize("case", DAMAGES)
def test_each_damage_of_the_oldest_restic_ends_with_13(case: str) -> None:
    error = classify_failure(1, DAMAGES[case], "r")
    assert type(error) is IntegrityFailure
    assert error.exit_code == 13


def test_trouble_that_is_no_damage_is_not_called_so() -> None:
    full = "ignoring error for /a: write out/a: no space left on device\nFatal: There were 1 errors"
    reset = "Load(<data/16ba711afe>, 0, 0) returned error, retrying after 1s: read: connection reset by peer"
    assert type(classify_failure(1, full, "r")) is DcopsError
    assert type(classify_failure(1, reset, "r")) is Unreachable


@pytest.mark.parametrize(("status", "code"), [(3, 1), (130, 130), (2, 1), (-9, 1), (99, 1), (255, 1)])
def test_every_other_status_is_a_failure(status: int, code: int) -> None:
    error = classify_failure(status, "something new", "r")
    assert error.exit_code == code


def test_damage_is_named() -> None:
    assert "Pack ID does not match, want df0ef632f97c" in str(classify_failure(1, DAMAGED, "r"))


def test_versions() -> None:
    assert parse_version("restic 0.14.0 compiled with go1.19.8 on linux/amd64") == (0, 14, 0)
    old, new = features_of((0, 14, 0)), features_of((0, 18, 0))
    assert (old.has_retry_lock, old.has_rest_environment, old.has_exit_codes) == (False, False, False)
    assert (new.has_retry_lock, new.has_rest_environment, new.has_exit_codes) == (True, True, True)
    assert not features_of((0, 16, 0)).has_rest_environment
    assert not features_of((0, 17, 0)).has_wrong_key_code
    with pytest.raises(ParseError, match=r"0\.13\.1 is too old"):
        features_of((0, 13, 1))
    with pytest.raises(ParseError):
        parse_version("rustic 0.9")


@pytest.mark.parametrize(("name", "since"), SINCE.items())
def test_each_row_begins_with_its_version(name: str, since: tuple[int, int, int]) -> None:
    major, minor, patch = since
    before = (major, minor, patch - 1) if patch else (major, minor - 1, 99)
    assert getattr(features_of(since), name) is True
    assert getattr(features_of(before), name) is False


def test_the_table_names_every_feature_and_a_newer_restic_is_the_newest_known() -> None:
    assert set(ResticFeatures.model_fields) == {"version", *SINCE}
    newest, newer = features_of(NEWEST_KNOWN), features_of((0, 42, 0))
    assert newer.model_dump(exclude={"version"}) == newest.model_dump(exclude={"version"})
    assert (newest.is_newer_than_known, newer.is_newer_than_known) == (False, True)
    assert parse_version("restic 0.20.0-dev (compiled manually) compiled with go1.24") == (0, 20, 0)
    assert not any(getattr(features_of(MINIMUM), name) for name in SINCE)


def test_unknown_messages_and_other_lines_are_passed_over() -> None:
    text = 'warning\n{"message_type":"new"}\n{broken\n{"message_type":"summary","snapshot_id":"ab12","data_added":5}\n'
    assert len(list(json_lines(text))) == 2
    summary = parse_backup_summary(text)
    assert (saved_from(summary).snapshot, saved_from(summary).added_bytes) == ("ab12", 5)
    with pytest.raises(ParseError, match="no summary"):
        parse_backup_summary('{"message_type":"status"}')


def test_snapshots_are_sorted_and_nanoseconds_cut() -> None:
    text = """[{"id":"b","time":"2026-11-24T04:12:44.529588846Z","tree":"t","tags":["app=x","part=dump"]},
               {"id":"a","time":"2026-11-24T11:12:41+07:00","tree":"t"}]"""
    found = parse_snapshots(text)
    assert [snapshot.id for snapshot in found] == ["a", "b"]
    assert found[1].time.microsecond == 529588
    assert (found[1].tag("app"), found[1].tag("run")) == ("x", None)
    assert parse_snapshots("null") == parse_snapshots("") == []
    with pytest.raises(ParseError):
        parse_snapshots('[{"id": 1}]')
    assert parse_repository_id('{"version":2,"id":"01037d"}') == "01037d"
    with pytest.raises(ParseError):
        parse_repository_id("{}")


def test_metrics_say_nothing_that_no_receipt_says() -> None:
    text = exposition([], [Objectives(application="naskah", rto_seconds=900, rpo_seconds=None)])
    assert text.splitlines()[-1] == 'dcops_objective_rto_seconds{app="naskah"} 900.0'
    assert "dcops_backup" not in text

"""WAL archives from what pgBackRest and the server tell: read, gaps found, judged, and what they cover."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dcops.backup.due import covered, exposure
from dcops.backup.model import BackupPolicy
from dcops.backup.pgbackrest import failure
from dcops.backup.wal import (
    ArchiverFacts,
    BaseBackup,
    StanzaInfo,
    judge_archive,
    missing_segments,
    name_of,
    number_of,
    parse_info,
    parse_segments,
)
from dcops.core import yaml
from dcops.core.errors import Locked, ParseError, PolicyBroken, Unreachable
from dcops.core.words import Status
from dcops.records.kinds.backup import Receipt
from dcops.records.kinds.backup_wal import WalReceipt

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DOCUMENT = yaml.load(Path(__file__).parents[3] / "inventory/lab/backup/naskah_dinas_elektronik.yml")


def receipt(minutes_ago: float, seconds: float = 60.0) -> Receipt:
    began = NOON - timedelta(minutes=minutes_ago)
    return Receipt.model_validate(
        {"application": "naskah_dinas_elektronik", "run": f"R{minutes_ago}", "status": "done", "site": "jkt",
         "repository": "r", "repository_id": "i", "tool": "restic", "started_at": began,
         "finished_at": began + timedelta(seconds=seconds), "duration_seconds": seconds}
    )  # fmt: skip


# As pgBackRest 2.45 wrote it, one base backup after a fresh stanza.
INFO = {
    "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "15-1", "max": "000000010000000000000003",
                 "min": "000000010000000000000001"}],
    "backup": [{"archive": {"start": "000000010000000000000002", "stop": "000000010000000000000003"},
                "backrest": {"format": 5, "version": "2.45"}, "database": {"id": 1, "repo-key": 1}, "error": False,
                "info": {"delta": 23213856, "repository": {"delta": 4549002, "size": 4549002}, "size": 23213856},
                "label": "20261124-121829F", "lsn": {"start": "0/2000028", "stop": "0/3000088"}, "prior": None,
                "reference": None, "timestamp": {"start": 1795522709, "stop": 1795522728}, "type": "full"}],
    "cipher": "none", "db": [{"id": 1, "repo-key": 1, "system-id": 7711711229000993954, "version": "15"}],
    "name": "naskah", "status": {"code": 0, "lock": {"backup": {"held": False}}, "message": "ok"},
}  # fmt: skip
MISSING = {"archive": [], "backup": [], "cipher": "none", "db": [], "name": "nope",
           "status": {"code": 1, "message": "missing stanza path"}}  # fmt: skip
ONE = "0000000100000000000000"


def backup(start: str = f"{ONE}02", stop: str = f"{ONE}03") -> BaseBackup:
    return BaseBackup(label="L", kind="full", wal_start=start, wal_stop=stop, started_at=NOON, finished_at=NOON,
                      size_bytes=1, is_damaged=False)  # fmt: skip


def facts(**changes: object) -> ArchiverFacts:
    base = {"asked_at": NOON, "is_on": True, "timeout_seconds": 60, "current_wal": f"{ONE}06",
            "last_archived_wal": f"{ONE}05", "last_archived_at": NOON - timedelta(seconds=30)}  # fmt: skip
    return ArchiverFacts.model_validate(base | changes)


SEGMENTS = tuple(f"{ONE}0{number}" for number in range(2, 6))
STANZA = StanzaInfo(name="naskah", archive_id="15-1", backups=(backup(),))


def test_info_is_read() -> None:
    found = parse_info(json.dumps([MISSING, INFO]), "naskah")
    assert (found.archive_id, found.wal_max, found.version) == ("15-1", f"{ONE}03", "15")
    assert found.backups[0].label == "20261124-121829F"
    assert found.backups[0].finished_at == datetime(2026, 11, 24, 12, 18, 48, tzinfo=UTC)
    assert parse_info(json.dumps([MISSING]), "nope").message == "missing stanza path"
    assert parse_info("[]", "nope").backups == ()
    status = {"code": 99, "message": "[HostConnectError] unable to connect"}
    away = MISSING | {"status": {"code": 99, "message": "other"}, "repo": [{"status": status}]}
    assert parse_info(json.dumps([away]), "nope").message == "[HostConnectError] unable to connect"


@pytest.mark.parametrize("text", ["{", '[{"name": "naskah"}]', "[3]"])
def test_info_that_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(ParseError):
        parse_info(text, "naskah")


def test_segments_are_told_from_other_files() -> None:
    names = [f"0000000100000000/{ONE}02-{'a' * 40}.lz4", f"0000000100000000/{ONE}01-{'b' * 40}", "archive.info",
             f"0000000100000000/{ONE}02.00000028.backup", "00000002.history"]  # fmt: skip
    assert parse_segments(json.dumps({key: {} for key in names})) == (f"{ONE}01", f"{ONE}02")


def test_numbers_go_on_over_the_end_of_a_log() -> None:
    assert number_of("0000000100000001000000FF") + 1 == number_of("000000010000000200000000")
    assert name_of("00000001", number_of("00000001000000010000007A")) == "00000001000000010000007A"
    large = 64 << 20
    assert number_of("00000001000000000000003F", large) + 1 == number_of("000000010000000100000000", large)


def test_a_gap_counts_from_the_oldest_backup_on() -> None:
    assert missing_segments(SEGMENTS, [backup()]) == ()
    assert missing_segments([*SEGMENTS[:1], *SEGMENTS[2:]], [backup()]) == (f"{ONE}03",)
    assert missing_segments([*SEGMENTS[:2], SEGMENTS[3]], [backup()]) == (f"{ONE}04",)
    assert missing_segments(SEGMENTS[1:], [backup()]) == (f"{ONE}02",)
    assert missing_segments([f"{ONE}00", *SEGMENTS], [backup()]) == ()
    assert missing_segments(SEGMENTS, []) == ()


def test_a_new_timeline_is_counted_by_itself() -> None:
    after = [f"0000000200000000000000{number:02X}" for number in (5, 6, 8)]
    assert missing_segments([*SEGMENTS, *after], [backup()]) == ("000000020000000000000007",)


def test_a_working_archive_passes() -> None:
    found = judge_archive(facts(), STANZA, SEGMENTS, 300)
    assert (found.status, found.exposure_seconds, found.problems) == (Status.PASS, 60, ())
    assert judge_archive(facts(), STANZA, SEGMENTS, None).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_on": False}, "archive_mode is off"),
        ({"last_archived_at": None, "last_archived_wal": ""}, "nothing was archived yet"),
        ({"timeout_seconds": 0}, "archive_timeout is 0"),
        ({"last_failed_at": NOON, "last_failed_wal": f"{ONE}06", "failed_count": 9}, "archiving fails: 0000"),
        ({"last_archived_wal": f"{ONE}09", "current_wal": f"{ONE}0A"}, "the repository does not have it"),
        ({"last_archived_wal": "000000020000000000000005"}, "no base backup since the server was promoted"),
        ({"current_wal": f"{ONE}09", "last_archived_at": NOON - timedelta(minutes=9)}, "10 min 00 s of work"),
    ],
)
def test_each_fault_of_an_archive_has_its_words(changes: dict[str, object], said: str) -> None:
    found = judge_archive(facts(**changes), STANZA, SEGMENTS, 300)
    assert found.status is Status.FAIL
    assert said in found.reason


@pytest.mark.parametrize(
    ("last", "segment"),
    [(f"{ONE}05", f"{ONE}05"), (f"{ONE}05.00000028.backup", f"{ONE}05"), ("00000002.history", ""), ("", "")],
)
def test_the_last_archived_file_may_be_no_segment(last: str, segment: str) -> None:
    found = facts(last_archived_wal=last)
    assert found.last_segment == segment
    assert judge_archive(found, STANZA, SEGMENTS, 300).status is Status.PASS


def test_an_old_failure_is_over() -> None:
    old = facts(last_failed_at=NOON - timedelta(hours=1), failed_count=3, last_failed_wal=f"{ONE}04")
    assert judge_archive(old, STANZA, SEGMENTS, 300).status is Status.PASS


def test_an_archive_without_a_base_backup_restores_nothing() -> None:
    found = judge_archive(facts(), StanzaInfo(name="naskah"), SEGMENTS, 300)
    assert "no base backup" in found.reason


@pytest.mark.parametrize(("status", "kind"), [(50, Locked), (49, Unreachable), (82, PolicyBroken), (87, PolicyBroken)])
def test_statuses_of_pgbackrest_have_their_errors(status: int, kind: type[Exception]) -> None:
    assert isinstance(failure(status, "ERROR: [082]: words of the tool\n", "here"), kind)


WAL = {"tool": "pgbackrest", "stanza": "naskah", "reader": "drc-db1", "repository": "drc-bkp1/wal",
       "max_exposure": {"value": "5m"}}  # fmt: skip
POLICY = BackupPolicy.model_validate(DOCUMENT | {"schedule": {"every": "24h"}, "wal": WAL, "files": None})


def seen(**changes: object) -> WalReceipt:
    base = {"application": "naskah_dinas_elektronik", "stanza": "naskah", "repository": "drc-bkp1/wal",
            "status": "pass", "reason": "well", "exposure_seconds": 60.0, "seen_at": NOON}  # fmt: skip
    return WalReceipt.model_validate(base | changes)


@pytest.mark.parametrize(
    ("wal", "rpo", "status", "said"),
    [
        (seen(), 300, Status.PASS, "loses at most 1 min 00 s"),
        (seen(), 30, Status.FAIL, "more than the objective"),
        (None, 300, Status.UNKNOWN, "no record shows"),
        (seen(seen_at=NOON - timedelta(days=2)), 300, Status.UNKNOWN, "last looked at"),
        (seen(seen_at=NOON + timedelta(days=2)), 300, Status.UNKNOWN, "last looked at"),
        (seen(status="fail", reason="archiving fails"), 300, Status.FAIL, "does not work: archiving fails"),
        (seen(exposure_seconds=None), 300, Status.UNKNOWN, "nothing bounds"),
    ],
)
def test_wal_archiving_covers_what_the_schedule_does_not(
    wal: WalReceipt | None, rpo: float, status: Status, said: str
) -> None:
    found = covered(POLICY, exposure(POLICY, [receipt(50)], rpo), wal, NOON)
    assert found.status is status
    assert said in found.reason


def test_an_objective_below_the_interval_fails_without_wal_archiving() -> None:
    alone = POLICY.model_copy(update={"wal": None})
    assert covered(alone, exposure(alone, [receipt(50)], 300), seen(), NOON).status is Status.FAIL


def test_wal_archiving_does_not_cover_files() -> None:
    whole = BackupPolicy.model_validate(DOCUMENT | {"schedule": {"every": "24h"}, "wal": WAL})
    found = covered(whole, exposure(whole, [receipt(50)], 300), seen(), NOON)
    assert found.status is Status.FAIL
    assert "does not cover the files" in found.reason

"""Receipts of other tools: each form is read, and every problem has its line."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dcops.backup.foreign import Defaults, ForeignBackup, Format, read_foreign
from dcops.core.errors import SpecError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
APPLICATIONS = {"absensi", "naskah_dinas_elektronik"}
ROW = {
    "application": "absensi", "tool": "bacula", "repository": "tape-3", "label": "j1", "status": "done", "site": "drc",
    "started_at": "2026-11-24T01:00:00+07:00", "finished_at": "2026-11-24T02:00:00+07:00", "size_bytes": 12,
}  # fmt: skip
# The fields that `pgbackrest info --output=json` of 2.50 and later gives, shortened.
STANZA = {
    "name": "main", "status": {"code": 0, "message": "ok"}, "repo": [{"key": 1, "status": {"code": 0}}],
    "backup": [
        {"label": "20261123-010000F", "type": "full", "error": False, "database": {"id": 1, "repo-key": 1},
         "info": {"size": 31_000_000, "repository": {"size": 4_000_000}},
         "timestamp": {"start": 1_795_395_600, "stop": 1_795_395_660}},
        {"label": "20261124-010000D", "type": "diff", "error": True, "database": {"id": 1, "repo-key": 2},
         "info": {"size": 31_000_001}, "timestamp": {"start": 1_795_482_000, "stop": 1_795_482_060}},
    ],
}  # fmt: skip


def read(text: str, form: Format, **defaults: str) -> list[tuple[int, ForeignBackup]]:
    return read_foreign(
        text,
        form,
        "f",
        Defaults(**defaults),
        applications=APPLICATIONS,
        locate=lambda keys: 10 + int(keys[-1]),
        now=NOW,
    )


def document(*rows: Any) -> str:
    return json.dumps({"version": 1, "backups": list(rows)})


def problems(text: str, form: Format, **defaults: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(text, form, **defaults)
    return [str(each) for each in caught.value.problems]


def test_json_is_read_with_what_the_command_line_adds() -> None:
    ((line, backup),) = read(document(ROW), Format.JSON)
    assert line == 10
    assert backup.finished_at == datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    short = {key: value for key, value in ROW.items() if key not in ("application", "site")}
    ((_, again),) = read(document(short), Format.JSON, application="absensi", site="drc")
    assert again == backup


def test_csv_is_read_and_an_empty_cell_tells_nothing() -> None:
    text = (
        "label,tool,repository,status,started_at,finished_at,size_bytes,site\n"
        "j1,bacula,tape-3,done,2026-11-24T01:00:00+07:00,2026-11-24T02:00:00+07:00,12,\n\n"
        'j2,bacula,"tape-3, shelf 2",failed,2026-11-24T01:00:00Z,2026-11-24T02:00:00Z,,drc\n'
    )
    found = read(text, Format.CSV, application="absensi")
    assert [(line, each.label, each.site, each.size_bytes) for line, each in found] == [
        (2, "j1", "", 12), (4, "j2", "drc", None),
    ]  # fmt: skip


def test_pgbackrest_tells_its_backups_and_damaged_pages() -> None:
    found = [each for _, each in read(json.dumps([STANZA]), Format.PGBACKREST, application="absensi")]
    assert [(each.label, each.status, each.repository) for each in found] == [
        ("20261123-010000F", "done", "pgbackrest-main-repo1"), ("20261124-010000D", "failed", "pgbackrest-main-repo2"),
    ]  # fmt: skip
    assert found[0].started_at == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert found[0].size_bytes == 31_000_000
    assert problems(json.dumps([STANZA]), Format.PGBACKREST) == [
        "f:1: pgBackRest does not name the application. Say it: --app KEY."
    ]


def test_every_problem_is_told_at_once_with_its_line() -> None:
    said = problems(
        document(
            ROW,
            {**ROW, "label": "j2", "application": "absensy"},
            {**ROW, "label": "j3", "finished_at": "2026-11-24T02:00:00"},
            {**ROW, "label": "j4", "stauts": "done"},
            {**ROW, "label": "j5", "finished_at": "2026-11-24T12:02:00Z"},
            {**ROW, "label": "j6", "started_at": "2026-11-24T12:00:00Z"},
            {**ROW, "size_bytes": 13},
            {**ROW, "label": "j8", "size_bytes": -1, "status": "ok"},
        ),
        Format.JSON,
    )
    wanted = [
        'f:11: application: "absensy" is unknown. Did you mean "absensi"?', "f:12: finished_at: Input should have",
        'f:13: stauts: "stauts" is unknown. Did you mean "status"?', "f:14: finished_at: it lies in the future",
        "f:15: Value error, finished_at is before started_at", 'f:16: label: "j1" is told otherwise in line 10',
        "f:17: status: Input should be 'done' or 'failed'", "f:17: size_bytes: Input should be greater",
    ]  # fmt: skip
    assert len(said) == len(wanted)
    for found, begin in zip(said, wanted, strict=True):
        assert found.startswith(begin)


@pytest.mark.parametrize(
    ("text", "form", "begin"),
    [
        ('{"version": 1,\n "backups": [}', Format.JSON, "f:2: this is no JSON"),
        ("[]", Format.JSON, "f:1: backups: expected"),
        ('{"version": 2, "backups": []}', Format.JSON, "f:1: backups: expected"),
        ("labels,tool\nx,y\n", Format.CSV, 'f:1: labels: "labels" is unknown. Did you mean "label"?'),
        ("", Format.CSV, "f:1: there is no line of column names"),
        ("{}", Format.PGBACKREST, "f:1: expected the output of pgbackrest"),
        ('[{"name": "x", "backup": [{}]}]', Format.PGBACKREST, "f:10: tool"),
    ],
)
def test_what_is_no_such_file_is_told(text: str, form: Format, begin: str) -> None:
    assert problems(text, form, application="absensi")[0].startswith(begin)


def test_a_row_told_twice_alike_counts_once() -> None:
    assert len(read(document(ROW, ROW), Format.JSON)) == 1

"""`dcops backup verify`: one depth at a time, and findings that fit their record."""

import pytest

from dcops.backup.verify import Findings
from dcops.cli.backup_verify import _request
from dcops.cli.main import run
from dcops.core.errors import UsageError
from dcops.records.kinds import validate_payload
from dcops.wiring.backup_verify import _fields


def test_one_depth_at_a_time(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="name one of"):
        _request("latest", 5, full=False, db=True)
    assert run(["backup", "verify", "--full", "--db", "-i", "lab"]) == 2
    assert "name one of --sample, --full and --db" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "method", "sample"),
    [
        ((None, False, False), "verify sample", 20),
        ((7, False, False), "verify sample", 7),
        ((None, False, True), "verify db", 0),
        ((None, True, False), "verify full", None),
    ],
)
def test_each_depth_has_its_name(options: tuple[int | None, bool, bool], method: str, sample: int | None) -> None:
    request = _request("latest", options[0], full=options[1], db=options[2])
    assert (request.method, request.sample) == (method, sample)


def test_findings_fit_the_record() -> None:
    found = Findings(set_run="R", dump_bytes=5, files_bytes=7, rows=3, tables=2, invariants_held=["x"], is_wiped=True)
    fields = {"application": "a", "repository": "r", "method": "verify full", "status": "pass", **_fields(found)}
    payload = validate_payload("backup.verification", fields).model_dump()
    assert (payload["checked_bytes"], payload["row_count"], payload["table_count"]) == (12, 3, 2)
    assert payload["wiped"] is True

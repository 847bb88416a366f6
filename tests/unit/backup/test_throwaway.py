"""What a failed load says, and which PostgreSQL is taken."""

from pathlib import Path

import pytest

from dcops.backup.throwaway import find_programs, load_failure
from dcops.core.errors import DcopsError, IntegrityFailure


def test_a_failed_load_quotes_no_row() -> None:
    said = (
        'pg_restore: error: COPY failed for table "surat": ERROR:  invalid input: "Rahasia"\nCONTEXT: line 1 Rahasia\n'
    )
    error = load_failure(said, 1)
    assert type(error) is IntegrityFailure
    assert 'COPY failed for table "surat"' in str(error)
    assert "Rahasia" not in str(error)


def test_an_old_postgresql_and_a_full_disk_are_no_damage() -> None:
    newer = load_failure("pg_restore: error: unsupported version (1.16) in file header", 1)
    full = load_failure("pg_restore: error: ERROR:  could not extend file: No space left on device", 1)
    assert (type(newer), type(full)) == (DcopsError, DcopsError)
    assert "newer PostgreSQL" in str(newer)


def test_the_newest_server_is_taken_by_number(tmp_path: Path) -> None:
    with pytest.raises(DcopsError, match="no PostgreSQL server is installed"):
        find_programs(tmp_path)
    for version in ("9", "15", "17", "common"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert find_programs(tmp_path) == tmp_path / "17" / "bin"

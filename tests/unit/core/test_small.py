from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError

from dcops.core.clock import parse_rfc3339, rfc3339
from dcops.core.errors import DcopsError, ParseError, Problem, SpecError, UsageError
from dcops.core.files import private_dir, write_atomic
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.ulid import is_ulid, new_ulid
from dcops.core.words import Value, ValueStatus


def test_ulids_sort_by_time_and_differ() -> None:
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    first, second = new_ulid(moment), new_ulid(moment + timedelta(milliseconds=1))
    assert first < second
    assert len({new_ulid(moment) for _ in range(1000)}) == 1000
    assert is_ulid(first)
    assert not is_ulid(first.lower())


def test_times_keep_their_moment_and_need_an_offset() -> None:
    moment = datetime(2026, 11, 24, 11, 0, 0, 5, tzinfo=timezone(timedelta(hours=7)))
    assert rfc3339(moment) == "2026-11-24T04:00:00.000005Z"
    assert parse_rfc3339(rfc3339(moment)) == moment
    with pytest.raises(ParseError, match="has no offset"):
        parse_rfc3339("2026-11-24T04:00:00")


def test_write_atomic_leaves_the_old_file_when_it_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "one", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(DcopsError, match="cannot write"):
        write_atomic(tmp_path / "no" / "a", "two")
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_private_dir_closes_an_open_folder(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o755)
    assert private_dir(tmp_path / "s").stat().st_mode & 0o777 == 0o700


def test_an_adopted_value_names_who_decided() -> None:
    assert not Value[float]().is_set
    assert Value[float](value=4.0).is_set
    assert not Value[float](value=4.0).is_adopted
    with pytest.raises(ValidationError, match="names value, by and decision"):
        Value[float](value=4.0, status=ValueStatus.ADOPTED)
    assert Value[float](value=4.0, status=ValueStatus.ADOPTED, by="x", decision="SK 1").is_adopted


def test_errors_say_what_where_and_what_to_do() -> None:
    assert str(DcopsError("it broke", where="jkt-db1", hint="Start it.")) == "jkt-db1: it broke. Start it."
    error = SpecError(
        [Problem("a.yml:3", "devices[0].rack", "is unknown", "Did you mean r1?"), Problem("b.yml", "", "x")]
    )
    assert str(error).splitlines() == [
        "a.yml:3: devices[0].rack: is unknown. Did you mean r1?",
        "b.yml: x.",
        "2 problems found",
    ]


def test_suggestions_are_close_or_absent() -> None:
    assert did_you_mean("cisco_isoxe", ["cisco_iosxe", "frr"]) == "cisco_iosxe"
    assert did_you_mean("zzz", ["cisco_iosxe", "frr"]) is None


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    settings = Settings.load({"DCOPS_HOME": str(tmp_path), "DCOPS_STATE": "/s"})
    assert (settings.home, settings.state, settings.secrets) == (tmp_path, Path("/s"), Path("/s/secrets"))
    with pytest.raises(UsageError, match="is no folder"):
        Settings.load({"DCOPS_HOME": str(tmp_path / "no")})
    with pytest.raises(UsageError, match='inventory "x" is not there'):
        settings.inventory_root("x")


@pytest.mark.parametrize("content", [None, "", "[]", '{"inventory": 3}', "\x00"])
def test_a_host_that_is_not_enrolled_has_no_inventory(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "identity.json").write_text(content)
    assert Settings(tmp_path, tmp_path, tmp_path, tmp_path / "identity.json").enrolled_inventory() is None

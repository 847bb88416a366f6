"""What a host says of where its data lies."""

import subprocess

import pytest

from dcops.backup.place import observing, parse_observed
from dcops.core.errors import ParseError

MACHINE = "0123456789abcdef" * 2


def test_a_real_host_is_read(tmp_path: object) -> None:
    said = subprocess.run(observing((f"{tmp_path}/gone", str(tmp_path))), capture_output=True, text=True, check=True)
    found = parse_observed(said.stdout)
    assert found.path == str(tmp_path)
    assert len(found.machine_id) == 32
    assert found.filesystem
    assert found.filesystem_type


def test_the_identity_comes_last_and_may_be_missing() -> None:
    found = parse_observed(f'{MACHINE}\n/srv/restic\next2/ext3 9f2c\n{{\n "node": "x"\n}}\n')
    assert (found.filesystem_type, found.filesystem) == ("ext2/ext3", "9f2c")
    assert found.identity == '{\n "node": "x"\n}'
    assert parse_observed(f"{MACHINE}\n/\noverlayfs 1\n").identity == ""


@pytest.mark.parametrize(
    "text", ["", "\n/\next4 1\n", f"{MACHINE}\n", f"{MACHINE}\n/\n", "x" * 32 + "\n/\ne 1\n", f"{MACHINE}\n/\next4\n"]
)
def test_what_tells_nothing_is_no_observation(text: str) -> None:
    with pytest.raises(ParseError):
        parse_observed(text)

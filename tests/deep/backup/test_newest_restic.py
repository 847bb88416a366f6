"""The same work by the restic of the twin's image, 0.18: it is one static program and runs here as it is.

Everything else in this folder runs with the restic that is installed, on Debian 12 that is 0.14.
"""

import subprocess
from pathlib import Path

import pytest

from dcops.backup.keeper import LocalKeeper
from dcops.backup.verify import Request
from dcops.core.errors import IntegrityFailure, Locked, WrongKey
from dcops.core.secrets import Secret
from tests.deep.backup.test_copy import CopyLog, Second
from tests.integration.backup.conftest import KEY, House
from tests.integration.backup.test_verify import base, verify  # noqa: F401  a fixture

PROGRAMS = sorted((Path(__file__).parents[3] / "var/lab/images").glob("*/root/usr/bin/restic"))

pytestmark = [pytest.mark.deep, pytest.mark.skipif(not PROGRAMS, reason="the twin's image is not built here")]


@pytest.fixture
def newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the image's restic first on PATH, and give its version."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "restic").symlink_to(PROGRAMS[-1])
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    said = subprocess.run(["restic", "version"], check=True, capture_output=True, text=True).stdout
    assert said.split()[1] >= "0.18"
    return said.split()[1]


def test_run_check_verify_copy_and_retention(newest: str, house: House, base: Path) -> None:  # noqa: F811
    receipt = house.run()
    assert receipt.tool == f"restic {newest}"
    assert {len(each) for each in (receipt.dump_snapshot, receipt.files_snapshot, receipt.manifest_snapshot)} == {64}
    assert house.service().check(is_data_read=True).snapshots == 3
    outcome = verify(house, base, Request("latest", 5))
    assert outcome.error is None
    assert outcome.findings.files_checked == 5
    second = Second(house, CopyLog(dict(house.log.ids)))
    assert [each.part for each in second.copy().snapshots] == ["dump", "files", "manifest"]
    keeper = LocalKeeper(house.repository, Secret(KEY, "file:key"))
    keeper.add_key("canary-retention-key")
    own = LocalKeeper(house.repository, Secret("canary-retention-key", "file:other"))
    own.forget([receipt.files_snapshot])
    own.prune()
    assert {each.id for each in own.snapshots()} == {receipt.dump_snapshot, receipt.manifest_snapshot}


def test_each_failure_has_its_own_error(newest: str, done: House) -> None:
    """A wrong key, a lock, a damaged pack: told by exit status where 0.18 has one, else by its words."""
    with pytest.raises(WrongKey):
        done.restic("not-the-key-at-all").identity()
    hold = subprocess.Popen(
        ["restic", "--no-cache", "backup", "--stdin", "--quiet"], stdin=subprocess.PIPE,
        env={"PATH": f"{PROGRAMS[-1].parent}:/usr/bin:/bin", "RESTIC_PASSWORD": KEY,
             "RESTIC_REPOSITORY": str(done.repository)},
    )  # fmt: skip
    try:
        while not any((done.repository / "locks").iterdir()):
            assert hold.poll() is None
        with pytest.raises(Locked):
            LocalKeeper(done.repository, Secret(KEY, "file:key")).prune()
    finally:
        hold.terminate()
        hold.communicate()
    packs = [path for path in (done.repository / "data").rglob("*") if path.is_file()]
    for pack in packs:
        content = bytearray(pack.read_bytes())
        content[len(content) // 3] ^= 0xFF
        pack.chmod(0o600)
        pack.write_bytes(content)
    with pytest.raises(IntegrityFailure):
        done.service().check(is_data_read=True)

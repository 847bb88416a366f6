"""A set copied to a second repository with a key of its own, and brought back from there."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcops.backup.copying import CopyService, Vouched
from dcops.backup.model import RepositorySpec
from dcops.backup.restic import Restic, ResticAccess
from dcops.backup.restic_copy import ResticCopier
from dcops.core.errors import DcopsError, IntegrityFailure, Refused, RepositoryMissing, WrongKey
from dcops.records.kinds.backup_copies import BackupCopy
from tests.integration.backup.conftest import KEY, RUNS, House, MemoryLog, secret_file

pytestmark = pytest.mark.deep


SECOND_KEY = "canary-second-key"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class CopyLog(MemoryLog):
    copies: list[BackupCopy] = field(default_factory=list)

    def add_copy(self, copy: BackupCopy, run: str) -> None:
        self.copies.append(copy)


@dataclass
class Second:
    """The second repository of a house."""

    house: House
    log: CopyLog = field(default_factory=CopyLog)
    key: str = SECOND_KEY

    @property
    def folder(self) -> Path:
        return self.house.tmp / "second"

    @property
    def spec(self) -> RepositorySpec:
        return RepositorySpec(name="second", url=str(self.folder), password="file:second", create_if_missing=True)

    def access(self, *, is_first: bool = False) -> ResticAccess:
        key, url = (KEY, self.house.repository) if is_first else (self.key, self.folder)
        return ResticAccess(str(url), secret_file(self.house.tmp, f"k{is_first}", key), self.house.tmp / "cache")

    def copy(self) -> BackupCopy:
        first = self.access(is_first=True)
        source = (self.house.policy().repository, Restic(first))
        copier = ResticCopier(first, self.access())
        service = CopyService(source, (self.spec, Restic(self.access())), copier, self.log)
        found = self.house.service().newest_set()
        assert found is not None
        receipt = self.house.log.kept[-1]
        return service.copy(found, Vouched(receipt, NOON), RUNS[5], lambda _: None)

    def snapshots(self) -> list[dict[str, str]]:
        env = {**os.environ, "RESTIC_PASSWORD": SECOND_KEY, "RESTIC_REPOSITORY": str(self.folder)}
        said = subprocess.run(["restic", "--no-cache", "snapshots", "--json"], env=env, check=True, capture_output=True)
        found: list[dict[str, str]] = json.loads(said.stdout)
        return found


@pytest.fixture
def second(done: House) -> Second:
    made = Second(done)
    made.log.ids.update(done.log.ids)
    return made


def test_a_set_is_copied_once_and_comes_back_from_there(second: Second) -> None:
    made = second.copy()
    receipt = second.house.log.kept[-1]
    assert (made.status, made.run, made.manifest_sha256) == ("done", receipt.run, receipt.manifest_sha256)
    assert (made.set_finished_at, made.set_recorded_at) == (receipt.finished_at, NOON)
    wanted = [receipt.dump_snapshot, receipt.files_snapshot, receipt.manifest_snapshot]
    # restic before 0.15 gives no more than the first digits of what it saved last.
    assert all(each.source.startswith(begin) for each, begin in zip(made.snapshots, wanted, strict=True))
    assert sorted(each.snapshot for each in made.snapshots) == sorted(each["id"] for each in second.snapshots())
    assert made.repository_id == second.log.enrolled("second") != made.source_id
    second.copy()
    assert len(second.snapshots()) == 3
    target = second.house.tmp / "restored"
    policy = {"repository": second.spec.model_dump()}
    found = second.house.service(Restic(second.access()), **policy).restore("latest", target, lambda _: None)
    assert found is not None
    assert found.manifest.run == receipt.run
    assert len(list((target / "files").rglob("*/*"))) >= 10


def test_what_goes_wrong_is_recorded_and_never_a_copy(second: Second) -> None:
    second.copy()
    second.key = "another-key"
    with pytest.raises(WrongKey):
        second.copy()
    second.key = SECOND_KEY
    second.log.ids["second"] = "f" * 64
    with pytest.raises(Refused):
        second.copy()
    second.folder.rename(second.house.tmp / "moved")
    with pytest.raises(RepositoryMissing):  # it was enrolled, so it is never made anew
        second.copy()
    assert [(each.status, each.exit_code) for each in second.log.copies] == [
        ("done", 0), ("failed", 12), ("failed", 7), ("failed", 10),
    ]  # fmt: skip
    assert SECOND_KEY not in "".join(each.error for each in second.log.copies)


def test_a_copy_that_is_not_there_afterwards_is_noticed(second: Second, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResticCopier, "copy", lambda *_: None)
    with pytest.raises(IntegrityFailure, match="is not there after the copy"):
        second.copy()
    assert second.log.copies[-1].status == "failed"


def test_a_damaged_source_is_no_copy(second: Second) -> None:
    for pack in (second.house.repository / "data").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            pack.write_bytes(bytes(200) + pack.read_bytes()[200:])
    with pytest.raises(DcopsError):
        second.copy()
    assert all(each.status == "failed" for each in second.log.copies)

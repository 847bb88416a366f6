"""The kept network configurations, from a real git history into a real repository and back."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dcops.backup.configurations import ConfigurationsPolicy, ConfigurationsService
from dcops.backup.restic import Restic, ResticAccess
from dcops.core.errors import DcopsError, IntegrityFailure, Refused
from dcops.network.git import GitHistory
from dcops.records.kinds.backup_copies import ConfigurationsReceipt
from dcops.wiring.bridges import GitConfigurations
from tests.integration.backup.conftest import KEY, RUNS, MemoryLog, secret_file

pytestmark = pytest.mark.deep


CANARY = "canary-community-string"


@dataclass
class Kept:
    """A history of two routers, the repository, and the service between them."""

    tmp: Path
    log: MemoryLog = field(default_factory=MemoryLog)

    @property
    def history(self) -> GitHistory:
        return GitHistory(self.tmp / "configs")

    @property
    def restic(self) -> Restic:
        return Restic(ResticAccess(str(self.tmp / "repository"), secret_file(self.tmp, "key", KEY), self.tmp / "cache"))

    def service(self) -> ConfigurationsService:
        policy = ConfigurationsPolicy.model_validate({
            "kind": "network_configurations", "max_age": {"value": "26h"},
            "repository": {"name": "offsite", "url": str(self.tmp / "repository"), "password": "file:key",
                           "create_if_missing": True},
        })  # fmt: skip
        return ConfigurationsService(policy, self.restic, GitConfigurations(self.tmp / "configs"), self.log)

    def run(self, number: int = 0) -> tuple[ConfigurationsReceipt, DcopsError | None]:
        return self.service().run(self.restic, "twin", "jkt", RUNS[number], lambda _: None)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    made = Kept(tmp_path)
    made.history.commit([("jkt", "jkt-rtr1", f"hostname jkt-rtr1\nsnmp {CANARY}\n")], "first")
    made.history.commit([("jkt", "jkt-rtr1", "hostname jkt-rtr1\n"), ("drc", "drc-rtr1", "hostname x\n")], "second")
    return made


def test_the_whole_history_comes_back(kept: Kept) -> None:
    receipt, error = kept.run()
    assert error is None
    assert (receipt.status, receipt.device_count, receipt.repository_id) == ("done", 2, kept.log.ids["offsite"])
    listed = kept.restic.snapshots()
    assert {(each.tag("app"), each.tag("part")) for each in listed} == {
        ("network_configurations", "configurations"), ("network_configurations", "manifest"),
    }  # fmt: skip
    kept.history.commit([("drc", "drc-rtr1", "hostname drc-rtr1\n")], "after the backup")
    found: dict[str, object] = {}
    kept.service().verify(found)
    assert (found["set_run"], found["files_checked"]) == (RUNS[0], 2)
    content = kept.restic.read_file(receipt.bundle_snapshot, "/configurations.bundle")
    back = GitConfigurations(kept.tmp / "elsewhere").read_bundle(content)
    assert back.revision == receipt.revision
    assert set(back.files) == {"jkt/jkt-rtr1.conf", "drc/drc-rtr1.conf"}
    packs = b"".join(path.read_bytes() for path in (kept.tmp / "repository").rglob("*") if path.is_file())
    assert CANARY.encode() not in packs


def test_nothing_kept_is_no_backup(tmp_path: Path) -> None:
    receipt, error = Kept(tmp_path).run()
    assert error is not None
    assert "no configuration is kept here" in receipt.error
    assert (receipt.status, receipt.bundle_snapshot) == ("failed", "")
    assert not (tmp_path / "repository").exists()


def test_a_bundle_that_is_another_or_damaged_is_noticed(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.run()
    other = Kept(kept.tmp / "other")
    other.tmp.mkdir()
    other.history.commit([("jkt", "jkt-rtr1", "hostname y\n")], "another")
    with GitConfigurations(other.tmp / "configs").bundle() as stream:
        content = stream.read(1 << 20)
    assert GitConfigurations(other.tmp).read_bundle(content).files
    with pytest.raises(IntegrityFailure, match="git cannot open"):
        GitConfigurations(other.tmp).read_bundle(content[:-30])
    real = Restic.read_file
    monkeypatch.setattr(Restic, "read_file", lambda self, snapshot, path: (
        content if path.endswith("bundle") else real(self, snapshot, path)))  # fmt: skip
    with pytest.raises(IntegrityFailure, match="not the one that was stored"):
        kept.service().verify({})


def test_another_repository_is_refused(kept: Kept) -> None:
    kept.log.ids["offsite"] = "f" * 64
    kept.restic.initialise()
    receipt, error = kept.run()
    assert isinstance(error, Refused)
    assert (receipt.status, receipt.exit_code) == ("failed", 7)
    assert kept.restic.snapshots() == []

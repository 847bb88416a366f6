"""Artifacts, key files, the spool and the folder in memory, on a temporary folder."""

import os
import stat
from pathlib import Path

import pytest

from dcops.core.errors import DcopsError, JournalInvalid, UsageError
from dcops.records.artifacts import Artifacts
from dcops.records.key_files import FileSigner, KeyFiles
from dcops.records.memory import memory_folder
from dcops.records.ports import StoreUnavailable
from dcops.records.spool_file import FileSpool


def test_artifacts_are_kept_under_their_hash_and_read_only(tmp_path: Path) -> None:
    store = Artifacts(tmp_path)
    digest = store.put("walk of jkt-rtr1")
    assert store.put(b"walk of jkt-rtr1") == digest
    assert store.path(digest) == tmp_path / digest[:2] / digest
    assert stat.S_IMODE(store.path(digest).stat().st_mode) == 0o444
    assert store.get(digest) == b"walk of jkt-rtr1"
    assert list(store.damaged()) == []


def test_a_changed_or_missing_artifact_is_refused_and_healed_by_writing_it_again(tmp_path: Path) -> None:
    store = Artifacts(tmp_path)
    digest = store.put(b"data")
    store.path(digest).chmod(0o644)
    store.path(digest).write_bytes(b"dat4")
    with pytest.raises(JournalInvalid, match="was changed") as caught:
        store.get(digest)
    assert caught.value.exit_code == 30
    assert list(store.damaged()) == [digest]
    assert store.put(b"data") == digest
    assert store.get(digest) == b"data"
    store.path(digest).unlink()
    with pytest.raises(JournalInvalid, match="missing"):
        store.get(digest)


@pytest.mark.parametrize("name", ["", "../x", "A" * 64, "0" * 63])
def test_an_artifact_is_named_by_a_hash_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Artifacts(tmp_path).get(name)


def test_a_key_is_made_once_private_and_its_public_half_published(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    key = files.load_or_make("jkt-ops1")
    assert files.load_or_make("jkt-ops1").key_id == key.key_id
    assert stat.S_IMODE(files.private_path("jkt-ops1").stat().st_mode) == 0o600
    assert stat.S_IMODE(files.private_path("jkt-ops1").parent.stat().st_mode) == 0o700
    assert [(known.journal, known.key.key_id) for known in files.known()] == [("jkt-ops1", key.key_id)]
    assert key.to_pem().decode() not in files.public_path.read_text()


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    files.load_or_make("a")
    files.private_path("a").chmod(0o640)
    with pytest.raises(DcopsError, match="read by others"):
        files.load("a")
    with pytest.raises(StoreUnavailable):
        FileSigner(files, "a").sign("x")


def test_the_writers_name_is_kept(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    assert files.writer("jkt-ops1") == "jkt-ops1"
    assert files.writer("another") == "another"  # asking keeps nothing
    files.load_or_make("jkt-ops1")
    files.load_or_make("second")
    assert files.writer("another") == "jkt-ops1"
    files.set_writer("jkt-ops1.2")
    assert files.writer("x") == "jkt-ops1.2"
    with pytest.raises(UsageError):
        files.set_writer("../x")


def spool_on(tmp_path: Path) -> FileSpool:
    return FileSpool(tmp_path / "disk", lambda: tmp_path / "memory")


def test_spooled_lines_wait_until_they_are_drained(tmp_path: Path) -> None:
    spool = spool_on(tmp_path)
    assert spool.put("one").endswith("disk/waiting.spool")
    spool.put("two")
    assert spool.entries() == ("one", "two")
    with pytest.raises(ZeroDivisionError), spool.draining():
        1 / 0  # noqa: B018
    assert spool.entries() == ("one", "two")
    with spool.draining() as lines:
        assert len(lines) == 2
    assert spool.entries() == ()


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    spool = spool_on(tmp_path)
    spool.put("one")
    with (tmp_path / "disk/waiting.spool").open("a") as file:
        file.write("torn")
    assert spool.entries() == ("one",)


def test_without_a_disk_memory_is_used_and_at_last_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "disk").write_text("a file is in the way")
    spool = spool_on(tmp_path)
    assert "memory" in spool.put("one")
    assert spool.entries() == ("one",)
    (tmp_path / "memory" / "spool" / "waiting.spool").unlink()
    (tmp_path / "memory" / "spool").rmdir()
    (tmp_path / "memory" / "spool").write_text("here too")
    assert spool.put("two") == "stderr"
    assert "two" in capsys.readouterr().err


def test_the_folder_in_memory_must_be_ours(tmp_path: Path) -> None:
    folder = memory_folder(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    with pytest.raises(DcopsError, match="not this user's own"):
        memory_folder(tmp_path)
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DcopsError):
        memory_folder(tmp_path)
    assert folder.name == f"dcops-{os.getuid()}"

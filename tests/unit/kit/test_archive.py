"""Every byte of a kit is covered, and what comes out is what went in."""

import json
import random
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from dcops.core.errors import DcopsError, JournalInvalid, Refused
from dcops.core.exitcodes import ExitCode
from dcops.kit import seal
from dcops.kit.archive import read_archive, write_archive
from dcops.kit.folders import filled, unpack_source
from dcops.kit.parse import read_share
from dcops.kit.service import check_kit, extract, prove_shares, write_secrets
from dcops.records.sign import SigningKey
from tests.unit.kit.conftest import CANARY, SECRETS


def opened(built, folder: Path) -> Path:  # type: ignore[no-untyped-def]
    kit = check_kit(built.path)
    shares = [(path.name, read_share(path.read_text())) for path in built.sheets[:2]]
    folder.mkdir(mode=0o700)
    extract(kit, built.path, folder)
    write_secrets(prove_shares(kit, shares), folder / "secrets")
    return folder


def test_what_went_in_comes_out(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = opened(make(), tmp_path / "out")
    assert (folder / "wheels/a.whl").read_bytes() == b"w" * 1000
    assert (folder / "secrets/restic-password").read_text() == CANARY + "\n"
    assert (folder / "secrets/hosts/jkt-db1").read_text() == "zweite\nzeile\n"
    for path in (folder / "secrets").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_the_open_part_holds_no_secret_and_no_share(make) -> None:  # type: ignore[no-untyped-def]
    built = make()
    raw = built.path.read_bytes()
    for each in SECRETS:
        assert each.value.encode() not in raw
        assert json.dumps(each.value).encode() not in raw
    for path in built.sheets:
        share = read_share(path.read_text())
        assert share.value not in raw
        assert path.read_text().splitlines()[14].encode() not in raw
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(built.sheets[0].parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(built.path.stat().st_mode) == 0o600


def test_the_same_input_gives_the_same_bytes(make) -> None:  # type: ignore[no-untyped-def]
    """Key and nonce are all that differs between two builds of one moment; here they are the same, too."""
    assert make("one").sha256 == make("two").sha256
    assert make("three", seed="2").sha256 != make("four").sha256


def test_sheets_name_the_manifest_by_which_a_stranger_checks_with_sha256sum(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    built = make()
    folder = tmp_path / "by hand"
    folder.mkdir()
    subprocess.run(["tar", "-xf", built.path, "-C", folder], check=True)
    done = subprocess.run(["sha256sum", "--check", "--strict", "MANIFEST"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    digest = subprocess.run(["sha256sum", "MANIFEST"], cwd=folder, capture_output=True, text=True, check=True).stdout[
        :64
    ]
    for path in built.sheets:
        assert digest in "".join(path.read_text().split())
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "MANIFEST"]
    subprocess.run([*command, "-sigfile", "MANIFEST.sig"], cwd=folder, check=True, capture_output=True)


def test_every_changed_byte_is_noticed(make) -> None:  # type: ignore[no-untyped-def]
    built = make()
    whole = built.path.read_bytes()
    places = set(range(0, len(whole), 211)) | set(range(0, 512, 3)) | {len(whole) - 1}
    for at in sorted(places):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        built.path.write_bytes(changed)
        with pytest.raises(JournalInvalid) as found:
            check_kit(built.path)
        assert found.value.exit_code == ExitCode.JOURNAL_INVALID


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 5000, -1, -512, -1024])
def test_a_kit_that_is_cut_or_continued_is_refused(make, cut: int) -> None:  # type: ignore[no-untyped-def]
    built = make()
    whole = built.path.read_bytes()
    built.path.write_bytes(whole[:cut])
    with pytest.raises(JournalInvalid):
        check_kit(built.path)
    built.path.write_bytes(whole + bytes(max(1, abs(cut))))
    with pytest.raises(JournalInvalid, match="follows the end"):
        check_kit(built.path)


def test_another_key_is_refused(make, key: SigningKey) -> None:  # type: ignore[no-untyped-def]
    built = make()
    assert check_kit(built.path, key.public).key_id == key.key_id
    with pytest.raises(JournalInvalid, match="another key"):
        check_kit(built.path, SigningKey.generate().public)


def test_names_that_leave_the_kit_are_neither_written_nor_read(tmp_path: Path) -> None:
    for name in ("../x", "/x", "a/../b", "a//b", ".hidden", "a b", "x" * 101, ""):
        with pytest.raises(DcopsError):
            write_archive(tmp_path / "k.tar", {name: b""})
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "foreign.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("../evil"))
    with pytest.raises(JournalInvalid):
        read_archive(path, lambda _name, _size: None)


def test_links_and_owners_of_another_writer_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.tar"
    for kind in (tarfile.SYMTYPE, tarfile.REGTYPE):
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            info = tarfile.TarInfo("KIT")
            info.type, info.linkname, info.uid = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else "", 7
            tar.addfile(info)
        with pytest.raises(JournalInvalid, match="header is not written"):
            read_archive(path, lambda _name, _size: None)


def test_long_names_of_wheels_fit(tmp_path: Path) -> None:
    name = "wheels/" + "x" * 96 + ".whl"
    write_archive(tmp_path / "k.tar", {name: b"1"})
    assert list(read_archive(tmp_path / "k.tar", lambda _name, _size: None)[0]) == [name]
    with tarfile.open(tmp_path / "k.tar") as tar:
        assert tar.getnames() == [name]


def test_a_failed_build_leaves_neither_archive_nor_sheets(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DcopsError):
        make("bad", members={"a b": b""})
    assert not (tmp_path / "bad.tar").exists()
    assert not list(tmp_path.rglob("share-*"))


def test_a_file_that_changes_between_check_and_extraction_is_noticed(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    built, other = make(), make("other", seed="3")
    kit = check_kit(built.path)
    shutil.copy(other.path, built.path)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(JournalInvalid, match="changed while it was opened"):
        extract(kit, built.path, folder)


def test_sealed_secrets_of_another_kit_do_not_open(make) -> None:  # type: ignore[no-untyped-def]
    built = make()
    kit = check_kit(built.path)
    moved = kit.about.model_copy(update={"kit": "01KAT0Q2Z6V4N3W1M8B7C5NBK8"})
    key = seal.key_of(kit.about, kit.signer, [(p.name, read_share(p.read_text())) for p in built.sheets[:2]])
    assert [each.value for each in seal.unseal_secrets(kit.sealed, key, kit.about)] == [each.value for each in SECRETS]
    with pytest.raises(seal.SharesRefused):
        seal.unseal_secrets(kit.sealed, key, moved)
    with pytest.raises(seal.SharesRefused):
        seal.unseal_secrets(kit.sealed, random.Random(2).randbytes(32), kit.about)


def test_fingerprints_tell_equal_from_changed_and_cost_what_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert seal._COST["n"] * seal._COST["r"] * 128 == 32 * 2**20
    monkeypatch.setitem(seal._COST, "n", 16)
    assert seal.fingerprint("a", b"salt") == seal.fingerprint("a", b"salt") != seal.fingerprint("b", b"salt")
    assert seal.fingerprint("a", b"salt") != seal.fingerprint("a", b"pepper")


def test_a_folder_is_filled_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "to"
    with pytest.raises(ZeroDivisionError), filled(target) as folder:
        (folder / "half").write_text(str(1 // 0))
    assert list(tmp_path.iterdir()) == []
    target.mkdir()
    with filled(target) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "whole").write_text("x")
        assert not any(target.iterdir())
    assert [path.name for path in target.iterdir()] == ["whole"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    with pytest.raises(Refused, match="not empty"), filled(target):
        pytest.fail("it must not come here")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused), filled(link):
        pytest.fail("it must not come here")


def test_content_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    for name, kind in (("../x", tarfile.REGTYPE), ("/x", tarfile.REGTYPE), ("x", tarfile.SYMTYPE)):
        path = tmp_path / "source.tar"
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "y"
            tar.addfile(info)
        with pytest.raises(DcopsError, match="no file below it"):
            unpack_source(path, tmp_path / "home")
        shutil.rmtree(tmp_path / "home")

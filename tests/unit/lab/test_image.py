"""What shapes an image, and where it comes from."""

import shutil
from pathlib import Path

import pytest

from dcops.lab import mmdebstrap
from dcops.lab.mmdebstrap import ImageStore, mirrors, packages

FILES = Path(mmdebstrap.__file__).parent / "files"


def quiet(_: str) -> None:
    return None


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    (tmp_path / "base.txt").write_text("typer==0.29.2 --hash=sha256:0\n")
    return ImageStore(tmp_path / "images", tmp_path / "base.txt")


def test_packages_are_names_without_comments_or_repeats() -> None:
    names = packages()
    assert {"systemd", "openssh-server", "frr", "postgresql", "restic"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(name == name.strip() and "#" not in name and " " not in name for name in names)


def test_locked_requirements_and_scripts_shape_the_image(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.fingerprint()
    assert store.fingerprint() == first
    (tmp_path / "base.txt").write_text("typer==0.29.3 --hash=sha256:1\n")
    second = store.fingerprint()
    assert second != first
    shutil.copytree(FILES, tmp_path / "files")
    monkeypatch.setattr(mmdebstrap, "_FILES", tmp_path / "files")
    assert store.fingerprint() == second
    (tmp_path / "files" / "packages.txt").write_text((FILES / "packages.txt").read_text() + "tmux\n")
    third = store.fingerprint()
    (tmp_path / "files" / "image-customize.sh").write_text("#!/bin/sh\n")
    assert len({first, second, third, store.fingerprint()}) == 4


def test_a_folder_without_its_last_file_is_no_image(store: ImageStore) -> None:
    store.root.mkdir(parents=True)
    assert not store.is_built()
    (store.root.parent / "image.json").write_text("{}")
    assert store.is_built()
    assert store.build(quiet) == 0.0


def test_images_that_no_disk_lies_on_go(store: ImageStore) -> None:
    folder = store.root.parent.parent
    for name in (store.fingerprint(), "0123", "4567", ".building-1"):
        (folder / name / "root").mkdir(parents=True)
    assert store.remove_others(frozenset({"4567"}), quiet) == ["0123"]
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == sorted(
        [".building-1", "4567", store.fingerprint()]
    )


def test_a_mirror_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCOPS_LAB_MIRROR", "http://mirror.test/debian")
    assert mirrors() == ("deb http://mirror.test/debian trixie main",)


def test_no_file_of_ours_names_a_mirror() -> None:
    for path in [*FILES.iterdir(), Path(mmdebstrap.__file__)]:
        assert "debian.org" not in path.read_text()

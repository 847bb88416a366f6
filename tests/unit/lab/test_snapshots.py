"""What a snapshot's name depends on."""

from pathlib import Path

from dcops.lab.overlay import Folders
from dcops.lab.snapshots import SnapshotStore


def tree(top: Path) -> tuple[Path, Path]:
    home = top / "home"
    for name in ("inventory/lab/site.yml", "playbooks/site.yml", "monitors/rules.yml", "requirements/base.txt"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    for name in ("dcops/network/templates/bgp.j2", "dcops/lab/service.py", "dcops/lab/files/observer.py"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    return home, home / "inventory" / "lab"


def test_the_name_follows_content_and_never_code(tmp_path: Path) -> None:
    home, inventory = tree(tmp_path)
    store = SnapshotStore(tmp_path / "snapshots", home, Folders(tmp_path / "twin"))
    first = store.key("image", inventory)
    assert first.startswith("lab-")
    (home / "dcops/lab/service.py").write_text("changed")
    (home / "playbooks/__pycache__").mkdir()
    (home / "playbooks/__pycache__/x.pyc").write_text("x")
    assert store.key("image", inventory) == first
    assert store.key("other image", inventory) != first
    seen = {first}
    for name in (
        "inventory/lab/site.yml",
        "playbooks/site.yml",
        "monitors/rules.yml",
        "requirements/base.txt",
        "dcops/network/templates/bgp.j2",
        "dcops/lab/files/observer.py",
    ):
        (home / name).write_text(f"{name} changed")
        seen.add(store.key("image", inventory))
    assert len(seen) == 7


def test_a_name_without_its_end_is_no_snapshot(tmp_path: Path) -> None:
    home, _ = tree(tmp_path)
    store = SnapshotStore(tmp_path / "snapshots", home, Folders(tmp_path / "twin"))
    (tmp_path / "snapshots/lab-1").mkdir(parents=True)
    assert not store.has("lab-1")
    assert store.listing() == ()

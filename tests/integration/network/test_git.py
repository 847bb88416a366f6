"""The history in a real git repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcops.core.errors import UsageError
from dcops.core.process import run
from dcops.network.git import GitHistory


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    return GitHistory(tmp_path / "network" / "configs")


def test_nothing_is_there_before_the_first_commit(history: GitHistory, tmp_path: Path) -> None:
    assert history.read("jkt", "jkt-rtr1") is None
    assert history.read("jkt", "jkt-rtr1", "HEAD") is None
    assert history.log("jkt", "jkt-rtr1", 5) == ()
    assert history.diff("jkt", "jkt-rtr1", None, None) == ""
    assert not (tmp_path / "network").exists()


def test_one_commit_a_run_in_folders_by_site(history: GitHistory, tmp_path: Path) -> None:
    files = [("jkt", "jkt-rtr1", "hostname a\n"), ("drc", "drc-rtr1", "hostname b\n")]
    commit = history.commit(files, "Back up 2 configurations")
    assert commit is not None
    root = tmp_path / "network" / "configs"
    listed = run(["git", "-C", str(root), "ls-files"]).text.split()
    assert listed == ["drc/drc-rtr1.conf", "jkt/jkt-rtr1.conf"]
    assert (root / "jkt" / "jkt-rtr1.conf").stat().st_mode & 0o077 == 0
    assert history.commit(files, "again") is None
    assert [item.subject for item in history.log("jkt", "jkt-rtr1", 5)] == ["Back up 2 configurations"]


def test_versions_can_be_read_and_compared(history: GitHistory) -> None:
    first = history.commit([("jkt", "r", "a\n")], "first")
    history.commit([("jkt", "other", "x\n")], "another device")
    second = history.commit([("jkt", "r", "b\n")], "second")
    assert history.read("jkt", "r") == "b\n"
    assert history.read("jkt", "r", first) == "a\n"
    assert [item.subject for item in history.log("jkt", "r", 9)] == ["second", "first"]
    assert "-a\n+b\n" in history.diff("jkt", "r", None, None)
    assert "-b\n+a\n" in history.diff("jkt", "r", second, first)
    assert "+x\n" in history.diff("jkt", "other", None, None)


def test_a_revision_that_is_none_is_told_and_no_option_reaches_git(history: GitHistory) -> None:
    history.commit([("jkt", "r", "a\n")], "first")
    with pytest.raises(UsageError, match="no such revision"):
        history.diff("jkt", "r", "abcdef1", "HEAD")
    with pytest.raises(UsageError, match='"--output=/tmp/x" is no revision'):
        history.diff("jkt", "r", "--output=/tmp/x", "HEAD")
    with pytest.raises(UsageError, match='"--output=/tmp/x" is no revision'):
        history.diff("jkt", "r", None, "--output=/tmp/x")
    with pytest.raises(UsageError):
        history.read("jkt", "r", "--help")


def test_what_a_user_set_for_git_does_not_matter(
    history: GitHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n[core]\n\thooksPath = /nonexistent\n")
    monkeypatch.setenv("HOME", str(home))
    assert history.commit([("jkt", "r", "a\n")], "first") is not None

"""The configuration history in a git repository, through the git command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcops.core.errors import CommandError, UsageError
from dcops.core.files import private_dir, write_atomic
from dcops.core.process import run

__all__ = ["Commit", "GitHistory"]

# The repository is the toolkit's own: what a user has set for git must not change how it is written.
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "dcops",
    "GIT_AUTHOR_EMAIL": "dcops@localhost",
    "GIT_COMMITTER_NAME": "dcops",
    "GIT_COMMITTER_EMAIL": "dcops@localhost",
}


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: id, time (RFC 3339) and subject."""

    commit: str
    at: str
    subject: str


class GitHistory:
    """One file a device in one folder a site; one commit a run. The repository is made at the first commit."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, site: str, device: str, revision: str | None = None) -> str | None:
        """The text kept for `device`, at `revision` when given; None when there is none."""
        if revision is None:
            path = self._root / _path(site, device)
            return path.read_text(encoding="utf-8") if path.is_file() else None
        if not self._exists():
            return None
        _check_revision(revision)
        done = self._git("show", f"{revision}:{_path(site, device)}", check=False)
        return done if done else None

    def commit(self, files: Sequence[tuple[str, str, str]], message: str) -> str | None:
        """Keep (site, device, text) in one commit and return its id; None when nothing changed."""
        self._create()
        paths = []
        for site, device, text in files:
            (self._root / site).mkdir(exist_ok=True)
            write_atomic(self._root / _path(site, device), text, mode=0o600)
            paths.append(_path(site, device))
        if not paths:
            return None
        self._git("add", "--", *paths)
        if not self._git("status", "--porcelain", "--", *paths).strip():
            return None
        self._git("commit", "-q", "-m", message, "--", *paths)
        return self._git("rev-parse", "HEAD").strip()

    def log(self, site: str, device: str, limit: int) -> tuple[Commit, ...]:
        """The commits that touched `device`, newest first; empty when there are none."""
        if not self._exists():
            return ()
        text = self._git("log", f"-{limit}", "--format=%H%x09%cI%x09%s", "--", _path(site, device))
        return tuple(Commit(*line.split("\t", 2)) for line in text.splitlines())

    def diff(self, site: str, device: str, older: str | None, newer: str | None) -> str:
        """The unified difference of `device`: between two revisions, or what its last commit changed."""
        commits = self.log(site, device, 2)
        if not commits:
            return ""
        new = newer or commits[0].commit
        old = older or (commits[1].commit if len(commits) > 1 else None)
        for revision in (old or "", new):
            _check_revision(revision)
        if old is None:
            return self._git("show", "--format=", new, "--", _path(site, device))
        return self._git("diff", old, new, "--", _path(site, device))

    def _exists(self) -> bool:
        return (self._root / ".git").is_dir()

    def _create(self) -> None:
        if not self._exists():
            private_dir(self._root)
            self._git("init", "-q", "-b", "main")

    def _git(self, *arguments: str, check: bool = True) -> str:
        try:
            done = run(["git", "-C", str(self._root), *arguments], env=_ENVIRONMENT, timeout_seconds=60, check=check)
        except CommandError as error:
            if "unknown revision" in error.stderr_tail or "bad revision" in error.stderr_tail:
                hint = "List: dcops net log DEVICE"
                raise UsageError("no such revision", where=str(self._root), hint=hint) from error
            raise
        return done.text if done.returncode == 0 else ""


def _path(site: str, device: str) -> str:
    return f"{site}/{device}.conf"


def _check_revision(revision: str) -> None:
    """Refuse what git would take for an option."""
    if revision.startswith("-"):
        raise UsageError(f'"{revision}" is no revision', hint="List: dcops net log DEVICE")

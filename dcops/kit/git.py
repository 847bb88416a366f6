"""The checked-out content, through the git command line."""

from pathlib import Path

from dcops.core.errors import CommandError, Refused
from dcops.core.process import run

# What a user has set for git must not change what a kit holds; a checkout of another account is read all the same.
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}
_TIMEOUT_SECONDS = 600.0


class GitContent:
    """The content in the checkout `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def commit(self) -> str:
        """Return the commit that is checked out; raise Refused when what lies there is not exactly that commit."""
        try:
            found = self._git("rev-parse", "--verify", "HEAD^{commit}").strip()
        except CommandError as error:
            hint = "Build the kit in a checkout of the content; DCOPS_HOME names it."
            raise Refused("the content is no git checkout, so its history cannot go along", where=str(self._home),
                          hint=hint) from error  # fmt: skip
        changed = self._git("status", "--porcelain", "--untracked-files=all").splitlines()
        if changed:
            first = changed[0][3:]
            raise Refused(
                f"{len(changed)} files are not as committed, first {first}",
                where=str(self._home),
                hint="Commit them: a kit holds what has a history.",
            )
        return found

    def write_bundle(self, path: Path) -> None:
        """Write the history up to the commit as one file; one thread, so that equal histories give equal bytes."""
        self._git("-c", "pack.threads=1", "bundle", "create", "--quiet", str(path), "HEAD")

    def write_source(self, path: Path) -> None:
        """Write the commit's tree as a tar archive; its times are the commit's."""
        self._git("archive", "--format=tar", f"--output={path}", "HEAD")

    def _git(self, *words: str) -> str:
        return run(["git", "-C", str(self._home), *words], env=_ENVIRONMENT, timeout_seconds=_TIMEOUT_SECONDS).text

"""pgBackRest as a process, on this host or over SSH on the one that holds its configuration and certificate.

It keeps no secret of ours: where the repository is and with which certificate it is reached stand in its own
configuration file (role `pgbackrest`). It runs as the account that owns the database's files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Protocol

from dcops.backup.wal import StanzaInfo, parse_info, parse_segments
from dcops.core.errors import (
    AuthenticationFailed,
    DcopsError,
    IntegrityFailure,
    Locked,
    PolicyBroken,
    Refused,
    RepositoryMissing,
    Unreachable,
    WrongKey,
)
from dcops.core.process import Completed, run

CONFIG = "/etc/pgbackrest.conf"
ACCOUNT = "postgres"
# Who only looks does not wait for a repository host that is away; pgBackRest tries again for a minute by default.
QUICK = ("--io-timeout=10",)

# Source: pgBackRest src/build/error/error.yaml. A status that is not here is a plain failure.
_ERRORS: dict[int, tuple[type[DcopsError], str, str]] = {
    26: (IntegrityFailure, "a checksum does not match", "Compare with another copy before trusting this one."),
    28: (IntegrityFailure, "a file of the repository is not valid", "Run: pgbackrest verify, on the repository host."),
    29: (
        IntegrityFailure,
        "a file of the repository cannot be read",
        "Run: pgbackrest verify, on the repository host.",
    ),
    38: (Refused, "PostgreSQL runs in the target folder", "Name an empty folder. Nothing was touched."),
    40: (Refused, "the target folder is not empty", "Name an empty folder. Nothing was touched."),
    44: (IntegrityFailure, "the archive is of another cluster", "Look which cluster uses this stanza."),
    45: (IntegrityFailure, "a segment is there with other content", "Two clusters archive to this stanza; stop one."),
    49: (Unreachable, "the repository host does not answer", "Look at its service and at the route to it."),
    50: (Locked, "another pgBackRest holds the stanza", "Wait for it."),
    51: (IntegrityFailure, "the stanza is of another cluster", "Look which cluster uses this stanza."),
    55: (RepositoryMissing, "the stanza is not there", "Make it: pgbackrest stanza-create, on the repository host."),
    56: (Unreachable, "PostgreSQL does not answer pgBackRest", "Start it, then run again."),
    68: (PolicyBroken, "archive_command does not call pgBackRest", "Set it as the role `pgbackrest` does."),
    75: (DcopsError, "no base backup is old enough", "Choose a later moment, or a backup before it."),
    82: (PolicyBroken, "WAL is not archived in time", "Look at archive_command and at the server's log."),
    87: (PolicyBroken, "archive_mode is off", "Switch it on; PostgreSQL must be restarted."),
    95: (WrongKey, "the repository or its certificate cannot be opened", "Look at cipher and certificates."),
    103: (RepositoryMissing, "no repository was found", "Look at repo1-path and at the repository host."),
    105: (AuthenticationFailed, "the repository host refuses this certificate", "Look at tls-server-auth there."),
}


class Shell(Protocol):
    """Runs a command somewhere; `SshTarget` is one."""

    def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | None = None,
        timeout_seconds: float | None = 60,
        check: bool = True,
    ) -> Completed:
        """Run a command and give its output. Raises Unreachable."""


class Here:
    """Runs commands on this host."""

    def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | None = None,
        timeout_seconds: float | None = 60,
        check: bool = True,
    ) -> Completed:
        """Run a command and give its output."""
        return run(command, input=input, timeout_seconds=timeout_seconds, check=check)


@dataclass(frozen=True)
class Pgbackrest:
    """One stanza, as the host behind `shell` reaches it; `account`: empty where the shell has it already."""

    stanza: str
    shell: Shell
    config: str = CONFIG
    where: str = "pgBackRest"
    account: str = ACCOUNT

    def info(self) -> StanzaInfo:
        """Give backups and archive of the stanza; a stanza that is not there has none."""
        return parse_info(self._run([*QUICK, "info", "--output=json"], timeout_seconds=60), self.stanza)

    def segments(self, archive_id: str) -> tuple[str, ...]:
        """Give the archived WAL segments, sorted."""
        if not archive_id:
            return ()
        folder = f"archive/{self.stanza}/{archive_id}"
        return parse_segments(self._run([*QUICK, "repo-ls", folder, "--recurse", "--output=json"]))

    def check(self) -> None:
        """Have the server switch its WAL and see it arrive. Raises PolicyBroken when it does not."""
        self._run(["check"])

    def backup(self, kind: str = "incr") -> StanzaInfo:
        """Take a base backup (`full`, `diff`, `incr`) and give what is there then. Only on the repository host."""
        self._run([f"--type={kind}", "--start-fast", "backup"], timeout_seconds=None)
        return self.info()

    def restore(self, target: str, moment: datetime) -> None:
        """Restore into an empty folder, to be brought to just before `moment` when the server there starts.

        Raises Refused for a folder with something in it, DcopsError when no backup is older than the moment.
        """
        text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        options = [f"--pg1-path={PurePosixPath(target)}", "--type=time", f"--target={text}", "--target-exclusive"]
        self._run(["restore", *options, "--target-action=promote"], timeout_seconds=None)

    def _run(self, arguments: Sequence[str], *, timeout_seconds: float | None = 120) -> str:
        done = self.shell.run(self.argv(arguments), timeout_seconds=timeout_seconds, check=False)
        if done.returncode != 0:
            raise failure(done.returncode, (done.stderr + done.stdout).decode(errors="replace"), self.where)
        return done.text

    def argv(self, arguments: Sequence[str]) -> list[str]:
        """Give the command, as the account that owns the database's files.

        The stanza is named to every command: a repository host lets a certificate in for its stanza alone.
        """
        account = ["runuser", "-u", self.account, "--"] if self.account else []
        return [*account, "pgbackrest", f"--config={self.config}", "--log-level-console=warn",
                f"--stanza={self.stanza}", *arguments]  # fmt: skip


def failure(status: int, said: str, where: str) -> DcopsError:
    """Give the error for a failed pgBackRest, with its first line that tells why."""
    lines = [line.strip() for line in said.splitlines()]
    told = next((line.partition("]: ")[2] for line in lines if line.startswith("ERROR:")), "")
    kind, message, hint = _ERRORS.get(status, (DcopsError, f"pgBackRest ended with status {status}", ""))
    detail = f" ({told.partition(' HINT:')[0][:200]})" if told else ""
    return kind(f"{message}{detail}", where=where, hint=hint or None)

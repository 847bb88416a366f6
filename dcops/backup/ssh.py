"""Commands on another host by the system's ssh: keys of this host, host keys checked, no prompt, never a password."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcops.core.errors import AuthenticationFailed, CommandError, DcopsError, Unreachable
from dcops.core.process import Completed, run

_SSH_FAILED = 255


@dataclass(frozen=True)
class SshTarget:
    """One host as ssh reaches it.

    Attributes:
        name: inventory name, for messages.
        known_hosts: file of host keys; None means the system's.
        identity: private key file; None means this account's own.
        config: ssh configuration (the twin's host enters a namespace by it), or None.
    """

    name: str
    address: str
    user: str = "root"
    known_hosts: Path | None = None
    identity: Path | None = None
    config: Path | None = None

    def argv(self, command: Sequence[str]) -> list[str]:
        """Give the ssh command line that runs `command`, quoted for the shell at the other end."""
        options = [
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "ConnectTimeout=5",
            "-o",
            "ServerAliveInterval=5",
            "-o",
            "ServerAliveCountMax=3",
        ]
        if self.known_hosts:
            options += ["-o", f"UserKnownHostsFile={self.known_hosts}"]
        if self.identity:
            options += ["-o", "IdentitiesOnly=yes", "-i", str(self.identity)]
        if self.config:
            options = ["-F", str(self.config), *options]
        return ["ssh", *options, f"{self.user}@{self.address}", "--", shlex.join(command)]

    def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | None = None,
        timeout_seconds: float | None = 60,
        check: bool = True,
    ) -> Completed:
        """Run `command` there and give its output. Raises Unreachable, AuthenticationFailed, CommandError."""
        done = run(self.argv(command), input=input, timeout_seconds=timeout_seconds, check=False)
        if done.returncode == _SSH_FAILED or (check and done.returncode != 0):
            raise self.failure(command, done.returncode, done.stderr.decode(errors="replace"))
        return done

    def failure(self, command: Sequence[str], status: int, stderr: str) -> DcopsError:
        """Give the error for a command that ended with `status`."""
        last = stderr.strip().splitlines()[-1] if stderr.strip() else "no message"
        if status == _SSH_FAILED and ("Permission denied" in stderr or "verification failed" in stderr):
            return AuthenticationFailed(f"ssh: {last}", where=self.name)
        if status == _SSH_FAILED:
            return Unreachable(f"ssh: {last}", where=self.name, hint="Check the host and the route to it.")
        return CommandError([f"{self.name}:{command[0]}", *command[1:]], status, stderr[-4000:])

"""Runs commands on nodes through SSH in the management namespace, with the host keys checked."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from dcops.core.errors import DcopsError
from dcops.core.process import child_environment
from dcops.lab.model import Node, Twin
from dcops.lab.overlay import Folders


@dataclass(frozen=True)
class Shell:
    """SSH to the nodes of one twin, from this host."""

    twin: Twin
    folders: Folders

    def argv(self, node: Node, command: Sequence[str], *, tty: bool) -> list[str]:
        """Give the command line: ssh inside the management namespace, the remote words quoted as one."""
        words = ["ip", "netns", "exec", self.twin.management, "ssh", "-F", str(self.folders.ssh_config)]
        # inside the namespace the addresses are there; the relay is for programs that start outside
        words += ["-o", "ProxyCommand=none", "-tt" if tty else "-T", node.name]
        return [*words, shlex.join(command)] if command else words

    def call(self, node: Node, command: Sequence[str], *, tty: bool) -> int:
        """Run a command on a node with our own stdin, stdout and stderr; give its exit status.

        Not in a session of its own: a terminal's keys have to reach it. An interrupt goes to ssh, which ends with it.
        """
        argv = self.argv(node, command, tty=tty)
        env = child_environment({"TERM": os.environ.get("TERM", "dumb")})
        try:
            child = subprocess.Popen(argv, env=env)  # noqa: TID251 - the terminal's own process group, see above
        except FileNotFoundError as error:
            raise DcopsError(f'the program "{argv[0]}" is not installed', hint="Run: dcops lab doctor") from error
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue

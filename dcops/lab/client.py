"""Talks to the supervisor of a twin over its Unix socket, and starts it."""

import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcops.core.errors import DcopsError, Refused, UsageError
from dcops.core.process import start
from dcops.lab.model import Twin
from dcops.lab.overlay import Folders

_START_SECONDS = 60.0  # an end is seen at once; a slow start on a busy machine is none
_END_SECONDS = 10.0


@dataclass(frozen=True)
class Program:
    """How to start a supervisor: the module that joins it to the journal, and the environment it needs."""

    module: str
    environ: Mapping[str, str]


class SocketSupervisor:
    """The supervisor, from this host; `actor` is who asks."""

    def __init__(self, twin: Twin, folders: Folders, source: Path, program: Program, actor: str) -> None:
        self._twin, self._folders, self._source = twin, folders, source
        self._program, self._actor = program, actor

    def ask(self, request: dict[str, Any], *, timeout_seconds: float = 60.0) -> dict[str, Any]:
        """Send a request and give the answer. Raises what the supervisor says went wrong."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout_seconds)
                connection.connect(str(self._folders.control))
                process = _peer(connection) if request.get("verb") == "leave" else None
                connection.sendall(json.dumps({**request, "actor": self._actor}).encode() + b"\n")
                line = connection.makefile("rb").readline()
        except OSError as error:
            raise DcopsError(
                "the twin's supervisor does not answer", where=self._twin.name, hint="Start it with: dcops lab up"
            ) from error
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            hint = f"Look at {self._folders.run / 'supervisor.log'}, and at: dcops lab status."
            raise DcopsError("the twin's supervisor hung up", where=self._twin.name, hint=hint) from error
        if process is not None:
            _wait_for_end(process)
        if answer.get("ok"):
            return answer
        kind = {2: UsageError, 7: Refused}.get(int(answer.get("exit_code", 1)), DcopsError)
        raise kind(str(answer.get("error", "the supervisor refused")))

    def is_running(self) -> bool:
        """Say whether it answers."""
        try:
            self.ask({"verb": "ping"}, timeout_seconds=5)
        except DcopsError:
            return False
        return True

    def ensure(self) -> None:
        """Start it when it does not run, and wait until it answers; else let it read the topology again."""
        if self.is_running():
            self.ask({"verb": "reload"})
            return
        log = self._folders.run / "supervisor.log"
        argv = [sys.executable, "-m", self._program.module, str(self._folders.top), self._twin.name, self._twin.owner]
        with log.open("ab") as stream:
            child = start(
                [*argv, str(self._source)],
                env={"PYTHONPATH": str(Path(__file__).parents[2]), **self._program.environ},
                cwd=Path("/"),
                stdout=stream,
                stderr=stream,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_running():
            if child.popen.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no message"]
                raise DcopsError(f"the supervisor does not start: {tail[0]}", where=str(log))
            time.sleep(0.05)


def _peer(connection: socket.socket) -> int:
    """Give a handle of the process at the other end; it stays that process's whatever becomes of its id."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return os.pidfd_open(struct.unpack("3i", credentials)[0])


def _wait_for_end(process: int) -> None:
    """Wait until the process has ended, so that `down` returns when the machine is as it was; then close the handle."""
    try:
        select.select([process], [], [], _END_SECONDS)
    finally:
        os.close(process)

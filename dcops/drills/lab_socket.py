"""Faults asked of the twin's supervisor over the socket bound into the operations servers; it exists in a twin only."""

import json
import socket
from pathlib import Path
from typing import Any

from dcops.core.errors import DcopsError, Refused

SOCKET = Path("/run/dcops/lab.sock")
_TIMEOUT_SECONDS = 90.0


class LabSocket:
    """Asks by node name only; each request is recorded by the supervisor with the run's id."""

    def __init__(self, run_id: str, path: Path = SOCKET) -> None:
        self._run, self._path = run_id, path

    def stop(self, node: str) -> str:
        """Take a node's power away at once; harmless when it is off."""
        self._ask("stop", node)
        return f"{node} is without power"

    def start(self, node: str) -> str:
        """Give a node its power back; harmless when it is on."""
        self._ask("start", node)
        return f"{node} has power again"

    def _ask(self, verb: str, node: str) -> Any:
        request = {"verb": verb, "target": node, "run": self._run}
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT_SECONDS)
                connection.connect(str(self._path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                line = connection.makefile("rb").readline()
        except FileNotFoundError as error:
            raise Refused("there is no twin's supervisor here", where=str(self._path)) from error
        except OSError as error:
            raise DcopsError(f"the twin's supervisor does not answer: {error}", where=str(self._path)) from error
        answer = json.loads(line or b'{"ok": false, "error": "the supervisor hung up"}')
        if not answer.get("ok"):
            raise DcopsError(str(answer.get("error", "the supervisor refused")), where=node)
        return answer.get("result")

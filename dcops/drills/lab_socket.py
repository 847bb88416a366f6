"""Faults asked of the twin's supervisor over the socket bound into the operations servers; it exists in a twin only."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dcops.core.errors import DcopsError, Refused
from dcops.core.exitcodes import ExitCode
from dcops.drills.model import SiteNodes

SOCKET = Path("/run/dcops/lab.sock")
_TIMEOUT_SECONDS = 90.0


class LabSocket:
    """Asks by name only; each request is recorded by the supervisor with the run's id. `site` knows a site's nodes."""

    def __init__(self, run_id: str, site: Callable[[str], SiteNodes], path: Path = SOCKET) -> None:
        self._run, self._site, self._path = run_id, site, path

    def stop(self, node: str) -> str:
        """Take a node's power away at once; harmless when it is off."""
        self._ask({"verb": "stop", "target": node})
        return f"{node} is without power"

    def start(self, node: str) -> str:
        """Give a node its power back; harmless when it is on."""
        self._ask({"verb": "start", "target": node})
        return f"{node} has power again"

    def start_as_new(self, node: str) -> str:
        """Give a router that is off its power back as its replacement: without the configuration it had."""
        self._ask({"verb": "start", "target": node, "new": True})
        return f"{node} has power, and the configuration of a new device"

    def site(self, site: str) -> SiteNodes:
        """Give the nodes of a site. Raises Refused for one that is not the ministry's."""
        return self._site(site)

    def stop_all(self, nodes: Sequence[str]) -> None:
        """Take the power of several nodes at one moment. Raises Refused when this one is among them."""
        self._ask({"verb": "stop", "targets": list(nodes)})

    def start_all(self, nodes: Sequence[str]) -> None:
        """Give several nodes their power back, in this order."""
        self._ask({"verb": "start", "targets": list(nodes)})

    def cut(self, link: str, *, is_silent: bool = False, end: str | None = None) -> None:
        """Cut a link: carrier lost, or silently; `end`: only what leaves that device vanishes, which is silent."""
        self._ask({"verb": "cut", "target": link, "silent": is_silent or end is not None, "end": end})

    def shape(self, link: str, *, rate: str | None, loss: float, delay_seconds: float | None, end: str | None) -> None:
        """Limit a link: bits per second such as 10M, share of frames lost, delay each way."""
        delay = None if delay_seconds is None else f"{delay_seconds * 1000:g}ms"
        self._ask({"verb": "shape", "target": link, "rate": rate, "loss": loss, "delay": delay, "end": end})

    def heal(self, link: str) -> None:
        """Take every fault off a link; harmless when there is none."""
        self._ask({"verb": "heal", "target": link})

    def _ask(self, request: Mapping[str, Any]) -> Any:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT_SECONDS)
                connection.connect(str(self._path))
                connection.sendall(json.dumps({**request, "run": self._run}).encode() + b"\n")
                line = connection.makefile("rb").readline()
        except FileNotFoundError as error:
            raise Refused("there is no twin's supervisor here", where=str(self._path)) from error
        except OSError as error:
            raise DcopsError(f"the twin's supervisor does not answer: {error}", where=str(self._path)) from error
        answer = json.loads(line or b'{"ok": false, "error": "the supervisor hung up"}')
        if not answer.get("ok"):
            kind = Refused if answer.get("exit_code") == ExitCode.REFUSED else DcopsError
            where = str(request.get("target") or ", ".join(request["targets"]))
            raise kind(str(answer.get("error", "the supervisor refused")), where=where)
        return answer.get("result")

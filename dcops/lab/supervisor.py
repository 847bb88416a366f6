"""The process that stays while a twin is up: parent of its nodes, hands for its faults, door for its pages.

Two sockets, one JSON object a line each way. `control.sock` is this host's; `faults/lab.sock` is bound into the
operations servers and takes faults only, by name. Nothing depends on this process living: nodes go on without it, and
the next `dcops lab up` starts another that finds them by their control groups. Every fault is written down before it
is answered. `python -m dcops.wiring.supervisor` starts it.
"""

import ctypes
import fcntl
import json
import os
import socket
import socketserver
import struct
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcops.core.errors import DcopsError, Refused, UsageError
from dcops.core.units import parse_duration
from dcops.lab.fault_log import Asker, FaultLog, OpenJournal
from dcops.lab.forward import Forward, Forwarder, plan_forwards
from dcops.lab.model import Topology, Twin
from dcops.lab.nspawn import launcher_for
from dcops.lab.overlay import Folders
from dcops.lab.switchboard import Switchboard

_PR_SET_CHILD_SUBREAPER = 36
_MAXIMUM_REQUEST = 65536
FAULT_VERBS = frozenset({"start", "stop", "cut", "heal", "shape"})
Request = dict[str, Any]


class Supervisor:
    """Answers requests; `done` is set when it is asked to leave."""

    def __init__(self, twin: Twin, folders: Folders, source: Path, open_journal: OpenJournal) -> None:
        topology = Topology.model_validate_json(folders.topology.read_text())
        self.twin = twin
        self.done = threading.Event()
        self._folders = folders
        self._log = FaultLog(folders.top / "faults.jsonl", twin.name, open_journal)
        self._launcher = launcher_for(twin)
        self._board = Switchboard(twin, topology, folders, self._launcher, source)
        self._forwarder = Forwarder(twin)
        self._forwarder.ensure(plan_forwards(topology))
        self._verbs: dict[str, Callable[[Request], Any]] = {
            "start": lambda r: self._board.start(*_nodes(r), is_new=bool(r.get("new"))),
            "stop": lambda r: self._board.stop(*_nodes(r)),
            "cut": lambda r: self._board.cut(_word(r, "target"), is_silent=bool(r.get("silent")), end=r.get("end")),
            "heal": lambda r: self._board.heal(_word(r, "target")),
            "shape": self._shape,
            "halt": lambda r: self._board.halt(r.get("targets"), timeout_seconds=float(r.get("timeout", 30))),
            "reload": self._reload,
            "faults": lambda _: self._board.listing(),
            "off": lambda _: list(self._board.state.off),
            "forwards": lambda _: self._forwarder.listing(),
            "forward": self._forward,
            "ping": lambda _: {"pid": os.getpid()},
            "leave": self._leave,
        }

    def answer(self, request: Request, *, by: str, allowed: frozenset[str] | None) -> dict[str, Any]:
        """Carry out one request and give the answer: {"ok": true, "result"} or {"ok": false, "error", "exit_code"}."""
        verb, asker = request.get("verb"), Asker(by)
        if allowed is None:  # what a node says of itself counts for nothing
            asker = Asker(by, str(request.get("actor", "")), is_boot=request.get("for") == "up")
        try:
            if not isinstance(verb, str) or verb not in self._verbs or (allowed is not None and verb not in allowed):
                known = ", ".join(sorted(allowed or self._verbs))
                raise UsageError(f'"{verb}" is no verb here', hint=f"Verbs: {known}.")
            if allowed is not None and verb == "stop" and by in _nodes(request):
                raise Refused("a node asks for its own power to be cut", where=by, hint="What it runs would end.")
            answer: dict[str, Any] = {"ok": True, "result": self._verbs[verb](request)}
        except DcopsError as error:
            answer = {"ok": False, "error": str(error), "exit_code": int(error.exit_code)}
        except (TypeError, ValueError, KeyError) as error:
            answer = {"ok": False, "error": f"the request is malformed: {error}", "exit_code": 2}
        except OSError as error:  # a full disk below the twin's folder, most likely
            answer = {"ok": False, "error": f"it may be half done: {error}. dcops lab status says", "exit_code": 1}
        except Exception as error:  # a defect of ours: the log has it whole, and whoever asked is told, not hung up on
            traceback.print_exc()
            answer = {"ok": False, "error": f"the supervisor failed: {error!r}. Its log says where", "exit_code": 1}
        if allowed is not None or (isinstance(verb, str) and verb in FAULT_VERBS):
            self._log.keep(request, asker, error=None if answer["ok"] else str(answer["error"]))
        return answer

    def watch(self) -> None:
        """Collect ended children until asked to leave."""
        suspects: set[int] = set()
        while not self.done.wait(1.0):
            self._launcher.reap()
            suspects = reap_orphans(suspects)

    def _shape(self, request: Request) -> None:
        rate, delay = request.get("rate"), request.get("delay")
        self._board.shape(
            _word(request, "target"),
            rate_bits=_bits(rate) if rate is not None else None,
            loss=float(request.get("loss") or 0.0),
            delay_seconds=parse_duration(str(delay)) if delay is not None else None,
            end=request.get("end"),
        )

    def _reload(self, _: Request) -> None:
        self._board.topology = Topology.model_validate_json(self._folders.topology.read_text())
        self._forwarder.ensure(plan_forwards(self._board.topology))

    def _leave(self, _: Request) -> None:
        self._board.end_all()
        reap_orphans(reap_orphans(set()))
        self.done.set()

    def _forward(self, request: Request) -> Any:
        node = self._board.topology.node(_word(request, "target"))
        port = int(request["port"])
        local = int(request.get("local_port") or 0)
        name = f"{node.name}:{port}"
        added = self._forwarder.add(Forward(name, node.name, node.management_address, port, "http", local))
        return {"name": name, "local_port": added.local_port, "url": added.url}


def _word(request: Request, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise UsageError(f'the request needs "{name}"')
    return value


def _nodes(request: Request) -> list[str]:
    """Give the nodes a request is about: one `target`, or several `targets` at once."""
    if "targets" not in request:
        return [_word(request, "target")]
    names = request["targets"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UsageError('"targets" must be a list of nodes')
    return names


def _bits(text: object) -> int:
    """Read a rate: bits per second, with k, M or G for thousands."""
    word = str(text).strip().removesuffix("bit").removesuffix("bps")
    factor = {"k": 1000, "m": 10**6, "g": 10**9}.get(word[-1:].lower(), 1)
    try:
        value = float(word[:-1] if factor != 1 else word) * factor
    except ValueError:
        value = 0
    if value < 8000:
        raise UsageError(f'"{text}" is no rate', hint="Bits per second of 8k or more, such as 512k, 10M.")
    return int(value)


def reap_orphans(suspects: set[int]) -> set[int]:
    """Collect adopted zombies; give those seen for the first time.

    A zombie of one of our own helper programs is collected at once by who started it; one that is still there a sweep
    later was left to us by a process that died.
    """
    seen: set[int] = set()
    for pid in _children():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            continue
        if pid in suspects:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
        else:
            seen.add(pid)
    return seen


def _children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


class _Handler(socketserver.StreamRequestHandler):
    """One connection: requests, one JSON object a line, answered in turn."""

    timeout = 300

    def handle(self) -> None:
        door = self.server
        assert isinstance(door, _Door)
        while line := self.rfile.readline(_MAXIMUM_REQUEST):
            try:
                request = json.loads(line)
            except ValueError:
                request = None
            if not isinstance(request, dict):
                answer: dict[str, Any] = {"ok": False, "error": "not a JSON object", "exit_code": 2}
            else:
                answer = door.supervisor.answer(
                    request, by=_peer(self.connection, door.supervisor.twin), allowed=door.allowed
                )
            try:
                self.wfile.write(json.dumps(answer).encode() + b"\n")
            except OSError:
                return


def _peer(connection: socket.socket, twin: Twin) -> str:
    """Say who asks: the node a process runs in, by its control group, or the host."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid = struct.unpack("3i", raw)[0]
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return "unknown"
    for line in groups.splitlines():
        parts = line.split(":", 2)[2].split("/")
        if len(parts) > 2 and parts[1].startswith("dcops"):
            return parts[2].removesuffix(".service").removeprefix(f"{twin.cgroup}-")
    return "host"


class _Door(socketserver.ThreadingUnixStreamServer):
    """A listening socket; `allowed` limits the verbs, None allows all."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, path: Path, supervisor: Supervisor, allowed: frozenset[str] | None) -> None:
        self.supervisor, self.allowed = supervisor, allowed
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        finally:
            os.umask(before)


def serve(twin: Twin, folders: Folders, source: Path, open_journal: OpenJournal) -> None:
    """Run until asked to leave. Raises Locked-like DcopsError when another supervisor of this twin runs."""
    lock = (folders.run / "supervisor.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise DcopsError("another supervisor of this twin runs", where=str(folders.run)) from error
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    supervisor = Supervisor(twin, folders, source, open_journal)
    doors = (_Door(folders.control, supervisor, None), _Door(folders.faults / "lab.sock", supervisor, FAULT_VERBS))
    for door in doors:
        threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    supervisor.watch()
    time.sleep(0.2)  # the answer to "leave" is still on its way
    for path in (folders.control, folders.faults / "lab.sock"):
        path.unlink(missing_ok=True)

"""The child that hosts ansible-runner: one job on standard input, events as JSON lines on standard output.

The end of standard input means: stop, and leave nothing behind. Run as `python -m dcops.provision.worker`; never
imported by anything else.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible_runner

_PR_SET_CHILD_SUBREAPER = 36
# Of each event only these parts are passed on: the rest is Ansible's own bookkeeping, and may be large.
_RESULT = ("changed", "changes", "diff", "msg", "stderr", "module_stderr", "censored")
_DATA = (
    "host", "task", "role", "play", "name", "pattern", "ignore_errors",
    "processed", "ok", "changed", "failures", "dark", "skipped", "ignored", "rescued",
)  # fmt: skip


class Worker:
    """One run."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._arguments: Mapping[str, Any] = job["arguments"]
        self._folder = Path(job["folder"])
        self._stop = threading.Event()
        # What libraries print must not end up among the events.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)

    def stop(self) -> None:
        """Ask the run to end."""
        self._stop.set()

    def run(self) -> None:
        """Run the playbook to its end and say how it ended."""
        runner = ansible_runner.interface.init_runner(
            private_data_dir=str(self._folder),
            ident="run",
            playbook=self._arguments["playbook"],
            inventory=self._arguments["inventory"],
            cmdline=" ".join(_quoted(word) for word in self._arguments["words"]),
            event_handler=self._event,
            cancel_callback=self._stop.is_set,
            quiet=True,
            suppress_env_files=True,
            settings={"pexpect_timeout": 0.2, "suppress_ansible_output": True},
        )
        # ansible-runner knows one playbook only; those in front of it (guards) take their place before it.
        runner.config.command[-1:-1] = self._arguments["guards"]
        runner.run()
        self._tidy()
        self._say({"ended": "canceled" if self._stop.is_set() else runner.status, "tail": self._tail()})

    def _event(self, event: Mapping[str, Any]) -> bool:
        """Pass an event on in short; the answer tells ansible-runner not to keep it in a file."""
        data = event.get("event_data") or {}
        short = {key: data[key] for key in _DATA if key in data}
        result = data.get("res")
        if isinstance(result, Mapping):
            short["res"] = {key: result[key] for key in _RESULT if key in result}
        if short or event.get("event") == "playbook_on_stats":
            self._say({"event": event.get("event"), "event_data": short})
        return False

    def _say(self, message: Mapping[str, Any]) -> None:
        self._out.write(json.dumps(message, default=str) + "\n")

    def _tidy(self) -> None:
        """Remove ansible-runner's copy of the environment and the command; what Ansible printed stays."""
        for name in ("command", "env/envvars", "env/extravars"):
            (self._folder / "artifacts/run" / name).unlink(missing_ok=True)
            (self._folder / name).unlink(missing_ok=True)

    def _tail(self) -> str:
        """Give the first error line among what Ansible printed, else the last line."""
        path = self._folder / "artifacts/run/stdout"
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
        said = [line.strip() for line in lines if line.strip()]
        errors = [line for line in said if line.startswith(("ERROR", "[ERROR]", "error:", "ansible-playbook: error"))]
        return (errors or said[-1:] or [""])[0][:500]


def _quoted(word: str) -> str:
    """Quote one word for ansible-runner, which splits its command line as a shell would."""
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _first_line() -> bytes:
    """Read up to the first newline without Python's buffer, whose lock a thread would hold at the end."""
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            sys.exit("no job on standard input")
        data += piece
    return data


def _watch_parent(worker: Worker) -> None:
    """Wait for the end of standard input: the parent cancels, or is gone."""
    while os.read(0, 1 << 10):
        pass
    worker.stop()
    time.sleep(10)  # ansible-runner ends its process within a second; this is for when it hangs itself
    end_descendants()
    os._exit(1)


def end_descendants() -> None:
    """Kill every process below this one, those that became its children by losing their parent included.

    The first process of a PID namespace leaves that to the kernel, which does it when this one ends; /proc would show
    the pids of another namespace there.
    """
    if os.getpid() == 1:
        return
    for _ in range(20):
        below = _descendants(os.getpid())
        if not below:
            return
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.05)


def _descendants(root: int) -> list[int]:
    """Give the living processes below `root`."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(path.parent.name)] = int(fields[1])
    found: list[int] = []
    level = [root]
    while level:
        level = [pid for pid, parent in parents.items() if parent in level]
        found += level
    return found


def main() -> None:
    """Read the job, run it, leave nothing behind."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    worker = Worker(json.loads(_first_line()))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    threading.Thread(target=_watch_parent, args=(worker,), daemon=True).start()
    worker.run()
    end_descendants()


if __name__ == "__main__":
    main()

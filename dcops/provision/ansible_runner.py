"""Drives ansible-runner in a child of its own, so that a run that is cancelled or killed leaves nothing behind.

As root the child is the first process of a PID namespace: when it ends, for whatever reason, the kernel ends every
process of the run, ssh masters included. Otherwise it is a subreaper that ends its descendants. It also ends when this
process does, because its standard input closes then.
"""

import json
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from dcops.core.errors import DcopsError
from dcops.core.process import PIPE, Child, start
from dcops.provision.model import Ended, Job
from dcops.provision.ports import Cancelled, OnRaw

_POLL_SECONDS = 0.2
_PACKAGES = Path(__file__).resolve().parents[2]


class AnsibleRunner:
    """Runs playbooks; `config` is the ansible.cfg to use, `guard` a playbook put in front of each."""

    def __init__(self, config: Path, guard: Path | None) -> None:
        self._config = config
        self._guard = guard

    def check(self, job: Job, on_event: OnRaw, cancelled: Cancelled) -> Ended:
        """Run in check mode: Ansible changes nothing."""
        return self._execute(job, ["--check"], on_event, cancelled)

    def apply(self, job: Job, on_event: OnRaw, cancelled: Cancelled) -> Ended:
        """Run for real."""
        return self._execute(job, [], on_event, cancelled)

    def _execute(self, job: Job, options: list[str], on_event: OnRaw, cancelled: Cancelled) -> Ended:
        job.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        message = json.dumps({"arguments": self._arguments(job, options), "folder": str(job.folder)})
        environment = self._environment(job)
        argv = [*_namespace(), sys.executable, "-m", "dcops.provision.worker"]
        with (
            (job.folder / "worker.log").open("wb") as log,
            start(argv, env=environment, cwd=job.folder, stdin=PIPE, stdout=PIPE, stderr=log) as child,
        ):
            child.stdin.write(message.encode() + b"\n")
            child.stdin.flush()
            ended = _follow(child, on_event, cancelled)
        return ended or Ended("died", _tail(job.folder / "worker.log"))

    def _arguments(self, job: Job, options: list[str]) -> dict[str, object]:
        """Give ansible-runner's own arguments."""
        words = [*options, f"--forks={job.forks}"]
        words += ["--diff"] if job.is_diff else []
        words += [f"--limit={job.limit}"] if job.limit else []
        guards = [str(self._guard)] if self._guard else []
        return {
            "playbook": str(job.playbook.path),
            "inventory": str(job.inventory),
            "words": words,
            "guards": guards,
        }

    def _environment(self, job: Job) -> dict[str, str]:
        programs = str(Path(sys.executable).parent)
        return {
            "PATH": os.pathsep.join(
                [programs, os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "/usr/sbin", "/sbin"]
            ),
            "PYTHONPATH": str(_PACKAGES),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANSIBLE_CONFIG": str(self._config),
            "ANSIBLE_LOCAL_TEMP": str(job.folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "DCOPS_SECRETS": str(job.secrets),
            "DCOPS_ISSUER": job.issuer,
            **job.environ,
        }


def _namespace() -> list[str]:
    """Give the command that puts the child into a PID namespace, where this process may do that."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return []
    return ["unshare", "--pid", "--fork", "--kill-child"]


def _follow(child: Child, on_event: OnRaw, cancelled: Cancelled) -> Ended | None:
    """Pass events on until the child says how it ended; None when it ends without a word.

    A wish to cancel closes the child's standard input once; its last words are still waited for.
    """
    ended = None
    for line in _lines(child.stdout, lambda: _close_when(child, cancelled)):
        message = json.loads(line)
        if "ended" in message:
            ended = Ended(str(message["ended"]), str(message.get("tail", "")))
        else:
            on_event(message)
    return ended


def _close_when(child: Child, cancelled: Cancelled) -> None:
    if cancelled() and not child.stdin.closed:
        child.stdin.close()


def _lines(stream: IO[bytes], on_idle: Callable[[], None]) -> Iterator[bytes]:
    """Yield whole lines as they come and call `on_idle` a few times a second; ends with the stream."""
    waiting, descriptor = b"", stream.fileno()
    while True:
        on_idle()
        if not select.select([descriptor], [], [], _POLL_SECONDS)[0]:
            continue
        data = os.read(descriptor, 1 << 16)
        if not data:
            return
        *whole, waiting = (waiting + data).split(b"\n")
        yield from whole


def _tail(path: Path) -> str:
    """Give the last line a child wrote to its log."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError as error:
        raise DcopsError(f"cannot read the log: {error.strerror}", where=str(path)) from error
    return lines[-1] if lines else ""

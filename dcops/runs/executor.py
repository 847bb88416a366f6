"""Fan-out over hosts with a bounded thread pool: one result per host as it finishes, none lost to another's failure.

A thread cannot be killed. A host past its deadline is reported as timed out and its late answer is dropped; adapters
bound their own waiting, the deadline here is the last net.
"""

import queue
import random
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError, TimedOut
from dcops.runs.cancel import CancelToken

T = TypeVar("T")
_LOOK_SECONDS = 0.2


class HostStatus(StrEnum):
    """How one host ended."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    NOT_STARTED = "not_started"


@dataclass(frozen=True)
class HostResult(Generic[T]):
    """The outcome for one host: `value` when ok, `error` otherwise."""

    host: str
    status: HostStatus
    value: T | None = None
    error: DcopsError | None = None
    duration_seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        """Whether the work for this host came to its end."""
        return self.status is HostStatus.OK


@dataclass(frozen=True)
class Limits:
    """How wide and how long: `forks` threads at once, seconds allowed per host, up to `jitter_seconds` before each."""

    forks: int = 10
    deadline_seconds: float | None = None
    jitter_seconds: float = 0.0


def fan_out(
    hosts: Sequence[str], work: Callable[[str], T], *, limits: Limits | None = None, token: CancelToken | None = None
) -> Iterator[HostResult[T]]:
    """Yield one result per host, each as soon as it is known; hosts not begun when the token is set say so.

    An exception of `work` that is no DcopsError becomes one, so that no host's defect hides the other hosts' results.
    Its type and place are named, never its text, which may hold anything.
    """
    fan = _Fan(hosts, work, limits or Limits(), token or CancelToken())
    yield from fan.results()


def _place(error: BaseException) -> str:
    """Give file and line of where an exception was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


class _Fan(Generic[T]):
    """One fan-out in progress."""

    def __init__(self, hosts: Sequence[str], work: Callable[[str], T], limits: Limits, token: CancelToken) -> None:
        self._waiting = list(dict.fromkeys(hosts))
        self._work, self._limits, self._token = work, limits, token
        self._running: dict[str, float] = {}
        self._done: queue.Queue[HostResult[T]] = queue.Queue()

    def results(self) -> Iterator[HostResult[T]]:
        while self._waiting or self._running:
            if self._token.is_cancelled:
                yield from self._drop_waiting()
            self._start_some()
            yield from self._late()
            yield from self._finished()

    def _start_some(self) -> None:
        while self._waiting and len(self._running) < max(1, self._limits.forks):
            host = self._waiting.pop(0)
            self._running[host] = monotonic()
            threading.Thread(target=self._one, args=(host,), name=f"fan-{host}", daemon=True).start()

    def _drop_waiting(self) -> Iterator[HostResult[T]]:
        while self._waiting:
            yield HostResult(
                self._waiting.pop(0), HostStatus.NOT_STARTED, error=DcopsError("cancelled before it began")
            )

    def _late(self) -> Iterator[HostResult[T]]:
        allowed = self._limits.deadline_seconds
        if allowed is None:
            return
        for host, started in list(self._running.items()):
            passed = monotonic() - started
            if passed > allowed + self._limits.jitter_seconds:
                del self._running[host]
                error = TimedOut(f"no answer within {allowed:g} s", where=host)
                yield HostResult(host, HostStatus.TIMED_OUT, error=error, duration_seconds=passed)

    def _finished(self) -> Iterator[HostResult[T]]:
        """Yield what has arrived, waiting a short moment for the first."""
        try:
            result = self._done.get(timeout=_LOOK_SECONDS) if self._running else self._done.get_nowait()
        except queue.Empty:
            return
        if self._running.pop(result.host, None) is not None:
            yield result

    def _one(self, host: str) -> None:
        started = monotonic()
        try:
            # Jitter spreads load and needs no secrecy.
            jitter = random.uniform(0, self._limits.jitter_seconds)  # noqa: S311
            if jitter and self._token.wait(jitter):
                self._done.put(HostResult(host, HostStatus.NOT_STARTED, error=DcopsError("cancelled before it began")))
                return
            value = self._work(host)
        except DcopsError as error:
            self._put(host, started, error)
        except BaseException as error:  # SystemExit too: a host without a result would be waited for without end
            self._put(host, started, DcopsError(f"unexpected {type(error).__name__} at {_place(error)}", where=host))
        else:
            self._done.put(HostResult(host, HostStatus.OK, value, duration_seconds=monotonic() - started))

    def _put(self, host: str, started: float, error: DcopsError) -> None:
        status = HostStatus.TIMED_OUT if isinstance(error, TimedOut) else HostStatus.FAILED
        self._done.put(HostResult(host, status, error=error, duration_seconds=monotonic() - started))

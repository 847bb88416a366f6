"""Running other programs: argv only, an own session each, the whole group ended on timeout, secrets masked."""

import contextlib
import os
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from dcops.core.errors import CommandError, DcopsError, TimedOut

# What a child may see of our environment; everything else is passed on purpose, so a secret cannot slip through.
_PASSED = ("PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "TERM")
_TAIL_BYTES = 4000
_GRACE_SECONDS = 5.0
_running: "weakref.WeakSet[Child]" = weakref.WeakSet()
_running_lock = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """A program that ended: masked argv, exit status (negative: the signal), its output in bytes, wall seconds."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the small environment children get, in the C locale, with `extra` added."""
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return {**environment, "LC_ALL": "C.UTF-8", **(extra or {})}


def masked(argv: Sequence[str], secrets: Sequence[str]) -> tuple[str, ...]:
    """Give `argv` with each secret replaced by ***."""
    hidden = [secret for secret in secrets if secret]
    words = []
    for word in argv:
        for secret in hidden:
            word = word.replace(secret, "***")
        words.append(word)
    return tuple(words)


class Child:
    """A running program in a session of its own; leaving the block ends its whole process group."""

    def __init__(self, popen: "subprocess.Popen[bytes]", argv: tuple[str, ...]) -> None:
        self.popen = popen
        self.argv = argv

    @property
    def pid(self) -> int:
        """Process id, also the id of its process group."""
        return self.popen.pid

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe into the program; only when started with stdin=PIPE."""
        assert self.popen.stdin is not None
        return self.popen.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe out of the program; only when started with stdout=PIPE."""
        assert self.popen.stdout is not None
        return self.popen.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """The error pipe of the program; only when started with stderr=PIPE."""
        assert self.popen.stderr is not None
        return self.popen.stderr

    def signal_group(self, number: int) -> None:
        """Send a signal to every process of the group; a group that is gone is fine."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, number)

    def end(self) -> int:
        """End the group: TERM, five seconds, KILL. Gives the exit status; harmless when it has ended.

        A program that ended by itself may have left a daemon on purpose (an ssh master), and its group id may belong
        to somebody else by now, so nothing is sent then.
        """
        status = self.popen.poll()
        if status is not None:
            return status
        self.end_late()
        return self.popen.wait()

    def end_late(self) -> None:
        """End the group of a program that is past its time, also when only a child of it holds our pipes open."""
        self.signal_group(signal.SIGTERM)  # before any wait: until it is waited for, the id is nobody else's
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(_GRACE_SECONDS)
        self.signal_group(signal.SIGKILL)

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for the end and give the exit status. Raises TimedOut and leaves the program running."""
        try:
            return self.popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"{self.argv[0]} did not end within {timeout_seconds:g} s") from error

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


PIPE = subprocess.PIPE
DEVNULL = subprocess.DEVNULL


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | IO[Any] | None = DEVNULL,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    secrets: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a program in a session of its own and give it back running.

    Raises DcopsError naming the program when it is not installed.
    """
    try:
        popen = subprocess.Popen(
            list(argv),
            env=child_environment(env),
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise DcopsError("the working folder is not there", where=str(cwd)) from error
        hint = "Install it, or run script/bootstrap."
        raise DcopsError(f'the program "{argv[0]}" is not installed', hint=hint) from error
    except PermissionError as error:
        raise DcopsError(f'the program "{argv[0]}" may not be executed') from error
    child = Child(popen, masked(argv, secrets))
    with _running_lock:
        _running.add(child)
    return child


def end_running() -> int:
    """Send TERM to every program this process started and that still runs; give how many.

    For work that is given up while threads wait for programs: each thread then meets a program that ended.
    """
    with _running_lock:
        living = [child for child in _running if child.popen.poll() is None]
    for child in living:
        child.signal_group(signal.SIGTERM)
    return len(living)


def run(
    argv: Sequence[str],
    *,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_seconds: float | None = 60,
    check: bool = True,
    secrets: Sequence[str] = (),
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run a program to its end and give its output.

    Args:
        argv: program and arguments, never a shell line.
        input: bytes for its standard input, else it gets none.
        env: added to a small environment; nothing else of ours is passed.
        timeout_seconds: after that the whole process group is ended; None waits for ever.
        check: raise when the exit status is not 0.
        secrets: strings replaced by *** in errors.
        stdin, stdout: files or pipes instead of `input` and of the captured output.
        pass_fds: open descriptors of ours that the program gets under the same numbers.
    Raises:
        CommandError: status other than 0 and `check`.
        TimedOut: it did not end in time and was killed.
        DcopsError: the program is not installed.
    """
    source = PIPE if input is not None else (DEVNULL if stdin is None else stdin)
    began = time.monotonic()
    sink = PIPE if stdout is None else stdout
    with start(
        argv, env=env, cwd=cwd, stdin=source, stdout=sink, stderr=PIPE, secrets=secrets, pass_fds=pass_fds
    ) as child:
        try:
            out, err = child.popen.communicate(input, timeout_seconds)
        except subprocess.TimeoutExpired as error:
            child.end_late()
            raise TimedOut(f"{child.argv[0]} did not end within {timeout_seconds:g} s and was ended") from error
        status = child.popen.returncode
    if check and status != 0:
        tail = masked([err[-_TAIL_BYTES:].decode(errors="replace")], secrets)[0]
        raise CommandError(child.argv, status, tail)
    return Completed(child.argv, status, out or b"", err or b"", time.monotonic() - began)

"""restic as a process: argv without secrets, failures classified, the dump guard.

The key comes by RESTIC_PASSWORD_FILE. The rest-server account comes by environment where restic reads it there, else
by RESTIC_REPOSITORY_FILE, a private file that lives as long as one call.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from dcops.backup.features import ResticFeatures, features_of, parse_version
from dcops.backup.model import CheckResult, RepositoryLock, Saved, Snapshot
from dcops.backup.parse import (
    classify_failure,
    parse_backup_summary,
    parse_lock,
    parse_lock_ids,
    parse_repository_id,
    parse_snapshots,
    saved_from,
)
from dcops.backup.ports import ByteStream, OnBytes
from dcops.core.clock import monotonic, sleep
from dcops.core.errors import DcopsError, Locked
from dcops.core.files import private_dir
from dcops.core.process import DEVNULL, PIPE, Child, run, start
from dcops.core.secrets import Secret, mask

CHUNK_BYTES = 1 << 18
_POLL_SECONDS = 1.0
_OPEN_SECONDS = 30.0
# When we are killed restic would take the end of its input for the end of the dump; so it is interrupted instead.
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "INT")


@dataclass(frozen=True)
class ResticAccess:
    """How one repository is reached.

    Attributes:
        url: without credentials.
        password: the key, a secret kept in a file.
        login: account and password at a rest-server, or None.
        ca: certificate authority file, or None.
        cache: restic's cache, private to this repository.
        lock_wait_seconds: how long to wait for a lock that another run holds.
        is_lock_free: read without making a lock; for recovery, where the server may be read-only.
    """

    url: str
    password: Secret
    cache: Path
    login: tuple[str, Secret] | None = None
    ca: Path | None = None
    lock_wait_seconds: float = 0.0
    is_lock_free: bool = False


class ResticStream:
    """What a running restic writes to its standard output."""

    def __init__(self, child: Child, errors: IO[bytes], owner: "Restic") -> None:
        self._child = child
        self._errors = errors
        self._owner = owner

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; empty at the end."""
        return self._child.stdout.read(size)

    def finish(self) -> None:
        """Raise the classified error when restic did not end well."""
        status = self._child.wait(60)
        if status != 0:
            raise self._owner.failure(status, _tail(self._errors))


class ResticBackup:
    """A running `restic backup` of a folder or of its standard input.

    restic saves a snapshot of whatever came when its input ends, so after a failed producer it is interrupted first
    (restic 0.14 to 0.18: status 130, no snapshot, lock removed) and only then loses its input.
    """

    def __init__(self, child: Child, output: IO[bytes], errors: IO[bytes], owner: "Restic") -> None:
        self._child, self._output, self._errors = child, output, errors
        self._owner = owner

    def feed(self, stream: ByteStream, on_bytes: OnBytes) -> str:
        """Copy a stream into restic and give its SHA-256; its input ends only after the producer has ended well."""
        digest = hashlib.sha256()
        try:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                self._child.stdin.write(chunk)
                on_bytes(len(chunk))
            stream.finish()
            self._child.stdin.close()
        except BrokenPipeError as error:
            raise self._owner.failure(self._child.wait(30), _tail(self._errors)) from error
        return digest.hexdigest()

    def saved(self) -> Saved:
        """Wait until restic has stored it. Raises the classified error when it did not end well."""
        status = self._child.wait(None)
        if status != 0:
            raise self._owner.failure(status, _tail(self._errors))
        self._output.seek(0)
        return saved_from(parse_backup_summary(self._output.read().decode(errors="replace")))

    def end(self) -> None:
        """End a restic that still runs, before it loses its input: no snapshot, no lock."""
        if self._child.popen.poll() is None:
            self._await_reading()
            self._child.signal_group(signal.SIGINT)
            self._child.wait(30)

    def _await_reading(self) -> None:
        """Wait until restic reads its open input, if it has one: only then does an interrupt remove the lock.

        For a fifth of a second after it made its lock restic 0.14 does not know of it yet, and would leave it behind.
        """
        stdin, deadline = self._child.popen.stdin, monotonic() + _OPEN_SECONDS
        if stdin is None or stdin.closed:
            return
        with suppress(BrokenPipeError):  # it has ended meanwhile
            if _unread(stdin) == 0:
                os.write(stdin.fileno(), b"\0")
        while _unread(stdin) and self._child.popen.poll() is None and monotonic() < deadline:
            sleep(0.02)


class Restic:
    """One repository; reader and writer of the backup ports."""

    def __init__(self, access: ResticAccess) -> None:
        self._access = access
        self._features: ResticFeatures | None = None

    @property
    def where(self) -> str:
        """Address for messages, without credentials."""
        return self._access.url

    @property
    def features(self) -> ResticFeatures:
        """What the installed restic can do; asked once."""
        if self._features is None:
            self._features = features_of(parse_version(run(["restic", "version"]).text))
        return self._features

    @property
    def tool_version(self) -> str:
        """Version of restic."""
        return ".".join(map(str, self.features.version))

    def identity(self) -> str:
        """Give the repository's id. Raises RepositoryMissing, WrongKey, Locked, Unreachable."""
        return parse_repository_id(self._run(["cat", "config", *self._no_lock()]))

    def initialise(self) -> str:
        """Make the repository and give its id."""
        self._run(["init"])
        return self.identity()

    def snapshots(self, *, is_lock_held: bool = False) -> list[Snapshot]:
        """Give all snapshots, oldest first; without a lock of its own while the caller's open stream holds one."""
        return parse_snapshots(
            self._run(["snapshots", "--json", *(["--no-lock"] if is_lock_held else self._no_lock())])
        )

    def read_file(self, snapshot: str, path: str) -> bytes:
        """Give one small file whole."""
        with self.stream_file(snapshot, path) as stream:
            content = b"".join(iter(lambda: stream.read(CHUNK_BYTES), b""))
            stream.finish()
        return content

    def stream_file(self, snapshot: str, path: str) -> AbstractContextManager[ByteStream]:
        """Stream one file."""
        return self._stream(["dump", *self._no_lock(), snapshot, path])

    def stream_folder(self, snapshot: str) -> AbstractContextManager[ByteStream]:
        """Stream a whole snapshot as a tar archive with relative names."""
        return self._stream(["dump", *self._no_lock(), "--archive", "tar", snapshot, "/"])

    def restore(self, snapshot: str, target: Path, only: Sequence[str] = ()) -> None:
        """Write a snapshot below `target`, or only the files with these names. Raises IntegrityFailure."""
        includes = [word for name in only for word in ("--include", name)]
        self._run(["restore", *self._no_lock(), snapshot, "--target", str(target), *includes], timeout_seconds=None)

    def check(self, *, is_data_read: bool) -> CheckResult:
        """Check structure, and data too when asked. Raises IntegrityFailure, Locked."""
        began = monotonic()
        count = len(self.snapshots())
        self._run(["check", *(["--read-data"] if is_data_read else [])], timeout_seconds=None)
        return CheckResult(is_data_read=is_data_read, seconds=monotonic() - began, snapshots=count)

    def locks(self) -> list[RepositoryLock]:
        """Give all locks, oldest first, without making one. One that goes away meanwhile is left out."""
        found = []
        for name in parse_lock_ids(self._run(["list", "locks", "--no-lock"])):
            try:
                found.append(parse_lock(name, self._run(["cat", "lock", name, "--no-lock"])))
            except DcopsError:
                if name in parse_lock_ids(self._run(["list", "locks", "--no-lock"])):
                    raise
        return sorted(found, key=lambda lock: lock.time)

    def unlock(self) -> None:
        """Remove the locks that restic takes for stale; never --remove-all."""
        self._run(["unlock"])

    def open_folder(self, folder: Path, tags: Sequence[str]) -> AbstractContextManager[ResticBackup]:
        """Start to store a folder with names relative to it."""
        return self._backup(["."], tags, cwd=folder)

    def open_stream(self, name: str, tags: Sequence[str]) -> AbstractContextManager[ResticBackup]:
        """Start to store its standard input: it derives its key, takes its lock and waits for the first byte."""
        return self._backup(["--stdin", "--stdin-filename", name], tags, stdin=PIPE)

    @contextmanager
    def _backup(
        self, what: Sequence[str], tags: Sequence[str], *, cwd: Path | None = None, stdin: int = DEVNULL
    ) -> Iterator[ResticBackup]:
        """Start `restic backup` and end it with the block."""
        argv = [*_ENDS_WITH_US, *self._argv(["backup", "--json", *_tag_options(tags), *what])]
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            self._environment() as env,
            start(argv, env=env, cwd=cwd, stdin=stdin, stdout=out, stderr=err) as child,
        ):
            backup = ResticBackup(child, out, err, self)
            try:
                yield backup
            finally:
                backup.end()

    def failure(self, status: int, stderr: str) -> DcopsError:
        """Give the error for a failed restic, its secrets masked."""
        return classify_failure(status, mask(stderr, self._secrets()), self.where)

    def _run(self, arguments: Sequence[str], *, cwd: Path | None = None, timeout_seconds: float | None = 300) -> str:
        """Run restic to its end and give its output; waits for a lock as long as the access allows."""
        deadline = monotonic() + self._access.lock_wait_seconds
        while True:
            with self._environment() as env:
                done = run(self._argv(arguments), env=env, cwd=cwd, timeout_seconds=timeout_seconds, check=False)
            if done.returncode == 0:
                return done.text
            error = self.failure(done.returncode, (done.stderr + done.stdout[-2000:]).decode(errors="replace"))
            if not isinstance(error, Locked) or monotonic() >= deadline:
                raise error
            sleep(_POLL_SECONDS)

    @contextmanager
    def _stream(self, arguments: Sequence[str]) -> Iterator[ByteStream]:
        """Start restic and give its output as it comes."""
        with (
            tempfile.TemporaryFile() as err,
            self._environment() as env,
            start(self._argv(arguments), env=env, stdout=PIPE, stderr=err) as child,
        ):
            yield ResticStream(child, err, self)

    def _argv(self, arguments: Sequence[str]) -> list[str]:
        return ["restic", "--quiet", *arguments] if "--json" not in arguments else ["restic", *arguments]

    def _no_lock(self) -> list[str]:
        return ["--no-lock"] if self._access.is_lock_free else []

    def _secrets(self) -> list[str]:
        login = self._access.login
        account = login[1].reveal() if login else ""
        return [self._access.password.reveal(), account, quote(account, safe="")]

    @contextmanager
    def _environment(self) -> Iterator[Mapping[str, str]]:
        """Give restic's environment; a private repository file lives only inside the block."""
        access = self._access
        assert access.password.path is not None
        env = {
            "RESTIC_PASSWORD_FILE": str(access.password.path),
            "RESTIC_CACHE_DIR": str(private_dir(access.cache)),
            "RESTIC_PROGRESS_FPS": "0.2",
            **({"RESTIC_CACERT": str(access.ca)} if access.ca else {}),
        }
        if access.login is None:
            yield {**env, "RESTIC_REPOSITORY": access.url}
        elif self.features.has_rest_environment:
            user, password = access.login
            yield {
                **env,
                "RESTIC_REPOSITORY": access.url,
                "RESTIC_REST_USERNAME": user,
                "RESTIC_REST_PASSWORD": password.reveal(),
            }
        else:
            with _private_file(with_login(access.url, *access.login)) as path:
                yield {**env, "RESTIC_REPOSITORY_FILE": str(path)}


def _unread(pipe: IO[bytes]) -> int:
    """Give how many bytes in a pipe nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def with_login(url: str, user: str, password: Secret) -> str:
    """Put the account into a rest URL, as restic before 0.16.1 wants it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{quote(user, safe='')}:{quote(password.reveal(), safe='')}@{rest}"


@contextmanager
def _private_file(text: str) -> Iterator[Path]:
    """Give a file only we can read, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="dcops-"))
    try:
        path = folder / "repository"
        path.touch(mode=0o600)
        path.write_text(text)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tag_options(tags: Sequence[str]) -> list[str]:
    return [word for tag in tags for word in ("--tag", tag)]


def _tail(stream: IO[bytes]) -> str:
    """Give the last 8,000 bytes a program wrote to a temporary file."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 8000))
    return stream.read().decode(errors="replace")

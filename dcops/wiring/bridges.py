"""Joins capabilities that do not know each other: a drill's ports over backup, network and ssh."""

import hashlib
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dcops.backup.configurations import ConfigurationState
from dcops.backup.model import BackupSet
from dcops.backup.ports import ByteStream
from dcops.backup.restic import Restic
from dcops.backup.service import BackupService
from dcops.backup.ssh import SshTarget
from dcops.core.clock import monotonic
from dcops.core.errors import CommandError, DcopsError, IntegrityFailure
from dcops.core.process import PIPE, Child, run, start
from dcops.core.secrets import mask
from dcops.drills.model import Announced, PointFile, RecoveryPoint
from dcops.drills.ports import Say
from dcops.drills.postgresql import ServerAccess
from dcops.drills.shut import Shut
from dcops.network.ports import Recorder
from dcops.network.service import (
    SiteRouters,
    move_service,
    observe,
    service_states,
    set_shut,
    shut_state,
    withdraw_service,
)
from dcops.wiring.network import NetworkTools, require_writer

_CHUNK_BYTES = 1 << 18
_SAY_BYTES = 64 << 20


class SshHosts:
    """The drill's Hosts port: commands over ssh, to devices of the inventory."""

    def __init__(self, target: Callable[[str], SshTarget]) -> None:
        self._target = target

    def run(self, device: str, argv: Sequence[str], *, input: bytes | None = None, timeout_seconds: float = 60) -> str:
        """Run a command and give its output. Raises Unreachable, CommandError."""
        return self._target(device).run(argv, input=input, timeout_seconds=timeout_seconds).text

    def status(self, device: str, argv: Sequence[str]) -> int:
        """Run a command and give its exit status. Raises Unreachable."""
        return self._target(device).run(argv, check=False).returncode

    def copy(self, from_device: str, to_device: str, path: str, names: Sequence[str], owner: str) -> int:
        """Copy files named relative to `path` between two hosts, by way of this one, and give the archive's bytes."""
        pack = ["tar", "-C", path, "--null", "--verbatim-files-from", "-T", "-", "-cf", "-"]
        listing = "".join(f"{name}\0" for name in names).encode()
        archive = self._target(from_device).run(pack, input=listing, timeout_seconds=600).stdout
        unpack = ["tar", "-C", path, "-xf", "-", f"--owner={owner}", "--no-same-owner"]
        self._target(to_device).run(unpack, input=archive, timeout_seconds=600)
        # Only what was copied changes its owner; folders made on the way too.
        tops = sorted({name.partition("/")[0] for name in names})
        self.run(to_device, ["chown", "-R", f"{owner}:", *(f"{path}/{top}" for top in tops)])
        return len(archive)


class ResticRecovery:
    """The drill's Recovery port: the off-site repository streamed into empty targets of the recovery site."""

    def __init__(
        self,
        service: Callable[[str], BackupService],
        repository: Restic,
        target: Callable[[str], SshTarget],
        access: Callable[[str], ServerAccess],
    ) -> None:
        self._service, self._repository, self._target, self._access = service, repository, target, access

    def newest(self, application: str) -> RecoveryPoint | None:
        """Give the newest complete recovery point, or None."""
        found = self._service(application).newest_set()
        return recovery_point(found) if found else None

    def find(self, application: str, run: str) -> RecoveryPoint | None:
        """Give the recovery point that backup run `run` made, or None."""
        found = self._service(application).newest_set(run)
        return recovery_point(found) if found else None

    def load_database(self, point: RecoveryPoint, device: str, database: str, say: Say) -> float:
        """Stream the dump into an existing empty database and give the seconds."""
        began = monotonic()
        access = self._access(device)
        argv = ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
                "--no-password", f"--dbname={database}"]  # fmt: skip
        digest = hashlib.sha256()
        with (
            self._repository.stream_file(point.dump_snapshot, f"/{point.dump_name}") as stream,
            tempfile.TemporaryFile() as errors,
            start(argv, env=access.environment(), stdin=PIPE, stdout=errors, stderr=errors) as child,
        ):
            failed = _pour(stream, child, _Teller(say, "database", point.dump_bytes, digest.update))
            status = child.wait(600)
            if failed or status != 0:
                errors.seek(0)
                text = mask(errors.read()[-2000:].decode(errors="replace"), [access.password.reveal()])
                raise CommandError(argv[:1], status, text) from failed
        if digest.hexdigest() != point.dump_sha256:
            raise IntegrityFailure("the dump that came is not the one the manifest names", where=device)
        return monotonic() - began

    def restore_files(self, point: RecoveryPoint, device: str, path: str, owner: str, say: Say) -> float:
        """Stream the files into an existing empty folder of a device and give the seconds."""
        if point.files_snapshot is None:
            return 0.0
        began = monotonic()
        target = self._target(device)
        unpack = (
            f"tar -xf - -C {shlex.quote(path)} --no-same-owner && chown -R {shlex.quote(owner)}: {shlex.quote(path)}"
        )
        argv = ["sh", "-c", unpack]
        total = sum(file.size_bytes for file in point.files)
        with (
            self._repository.stream_folder(point.files_snapshot) as stream,
            tempfile.TemporaryFile() as errors,
            start(target.argv(argv), stdin=PIPE, stdout=errors, stderr=errors) as child,
        ):
            failed = _pour(stream, child, _Teller(say, "files", total))
            status = child.wait(600)
            if failed or status != 0:
                errors.seek(0)
                raise target.failure(argv, status, errors.read().decode(errors="replace")) from failed
        return monotonic() - began


class GitConfigurations:
    """The backup's Configurations port over the history that `dcops net` keeps."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def state(self) -> ConfigurationState:
        """Give what is kept. Raises DcopsError when nothing is."""
        if not (self._root / ".git").is_dir():
            hint = "Keep some first: dcops net backup"
            raise DcopsError("no configuration is kept here", where=str(self._root), hint=hint)
        return _git_state(self._root)

    @contextmanager
    def bundle(self) -> Iterator[ByteStream]:
        """Stream the whole history as one git bundle."""
        argv = ["git", "-C", str(self._root), "bundle", "create", "-q", "-", "HEAD", "--branches"]
        with tempfile.TemporaryFile() as errors, start(argv, env=_GIT, stdout=PIPE, stderr=errors) as child:
            yield _Produced(child, argv, errors)

    def read_bundle(self, content: bytes) -> ConfigurationState:
        """Give what a bundle holds, by cloning it in private and wiping the clone. Raises IntegrityFailure."""
        with tempfile.TemporaryDirectory(prefix="dcops-") as folder:
            path, clone = Path(folder) / "bundle", Path(folder) / "clone"
            path.write_bytes(content)
            try:
                run(["git", "clone", "-q", "--bare", str(path), str(clone)], env=_GIT)
                run(["git", "-C", str(clone), "fsck", "--full", "--strict"], env=_GIT)
                return _git_state(clone)
            except CommandError as error:
                raise IntegrityFailure(f"git cannot open the bundle: {error.stderr_tail.strip()[-200:]}") from error


class _Produced:
    """What a program writes to its standard output."""

    def __init__(self, child: Child, argv: Sequence[str], errors: IO[bytes]) -> None:
        self._child, self._argv, self._errors = child, argv, errors

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; empty at the end."""
        return self._child.stdout.read(size)

    def finish(self) -> None:
        """Raise CommandError when the program did not end well."""
        status = self._child.wait(60)
        if status != 0:
            self._errors.seek(0)
            raise CommandError(self._argv, status, self._errors.read()[-2000:].decode(errors="replace"))


# What a user has set for git must not change what is read.
_GIT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def _git_state(root: Path) -> ConfigurationState:
    """Give the newest commit of a history and the hash of each text it keeps."""
    revision = run(["git", "-C", str(root), "rev-parse", "HEAD"], env=_GIT).text.strip()
    names = run(["git", "-C", str(root), "ls-tree", "-r", "-z", "--name-only", revision], env=_GIT).text.split("\0")
    files = {
        name: hashlib.sha256(run(["git", "-C", str(root), "show", f"{revision}:{name}"], env=_GIT).stdout).hexdigest()
        for name in names
        if name
    }
    return ConfigurationState(revision=revision, files=files)


class _Teller:
    """Counts what passes and says so now and then."""

    def __init__(self, say: Say, what: str, total: int, also: Callable[[bytes], object] = lambda _: None) -> None:
        self._say, self._what, self._total, self._also = say, what, total, also
        self._passed = 0

    def __call__(self, chunk: bytes) -> None:
        self._also(chunk)
        before, self._passed = self._passed, self._passed + len(chunk)
        if before // _SAY_BYTES != self._passed // _SAY_BYTES:
            self._say(f"{self._what}: {self._passed >> 20} of {self._total >> 20} MiB")


def _pour(stream: ByteStream, child: Child, seen: Callable[[bytes], None]) -> OSError | None:
    """Copy a stream into a program and end its input only when the stream ended well.

    When the source failed the program is ended before its input ends, so it cannot take half a stream for a whole one,
    and the source's error is raised. When the program itself is gone, that is given back: its own words say more.
    """
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            child.stdin.write(chunk)
            seen(chunk)
        child.stdin.flush()
        stream.finish()
        child.stdin.close()
    except OSError as error:  # a broken pipe
        return error
    except DcopsError:
        child.end()
        with suppress(OSError):
            child.stdin.close()
        raise
    return None


class NetworkRoutes:
    """The drill's Routes port over the network's use cases."""

    def __init__(self, tools: NetworkTools, record: Recorder) -> None:
        self._tools, self._record = tools, record

    def announced(self, service: str) -> Announced:
        """Give the sites whose reachable routers announce it, and the routers that do not answer."""
        network = self._tools.network
        able = [target for target in network.targets if network.service(service).next_hop(target.site)]
        states = service_states(network, observe(able, self._tools.reader))
        state = next(each for each in states if each.name == service)
        sites = {target.name: target.site for target in able}
        return Announced(sites=state.sites, unread={name: sites[name] for name in state.unread})

    def withdraw(self, service: str) -> str:
        """Have no site announce it. Harmless when none does."""
        network, writer = self._tools.network, require_writer(self._tools)
        moved = withdraw_service(network, service, writer=writer, record=self._record)
        return f"{service} was announced by {_named(moved.before.sites)}, now by {_named(moved.after.sites)}"

    def announce(self, service: str, site: str) -> str:
        """Have `site` alone announce it. Harmless when it does."""
        network, writer = self._tools.network, require_writer(self._tools)
        moved = move_service(network, service, site, writer=writer, record=self._record)
        return f"{service} was announced by {_named(moved.before.sites)}, now by {_named(moved.after.sites)}"


class NetworkFence:
    """The drill's Fence port over the network's use cases; sessions go to loopbacks, which stay in reach."""

    def __init__(self, tools: NetworkTools, routers: Callable[[str], SiteRouters], record: Recorder) -> None:
        self._tools, self._routers, self._record = tools, routers, record

    def shut(self, site: str) -> str:
        """Shut the site's networks at each of its routers that answers."""
        done = set_shut(self._routers(site), True, writer=require_writer(self._tools), record=self._record)
        return f"{site} is shut at {_named(done.shut)}{_unread(done.unread)}"

    def open(self, site: str) -> str:
        """Open them again."""
        done = set_shut(self._routers(site), False, writer=require_writer(self._tools), record=self._record)
        return f"{site} is open at {_named(done.open)}{_unread(done.unread)}"

    def seen(self, site: str) -> Shut:
        """Say what each router of the site shows."""
        state = shut_state(self._routers(site), self._tools.reader)
        return Shut(shut=state.shut, open=state.open, unread=tuple(sorted(state.unread)))


def _unread(unread: Mapping[str, str]) -> str:
    return f"; not asked: {', '.join(sorted(unread))}" if unread else ""


def _named(sites: Sequence[str]) -> str:
    return " and ".join(sites) or "nobody"


def recovery_point(found: BackupSet) -> RecoveryPoint:
    """Give a backup set as drills see it."""
    manifest = found.manifest
    return RecoveryPoint(
        application=manifest.application,
        run=manifest.run,
        site=manifest.site,
        environment=manifest.environment,
        repository_id=manifest.repository_id,
        snapshot_at=manifest.snapshot_at,
        newest=manifest.facts.newest,
        rows=manifest.facts.rows,
        dump_snapshot=found.dump_snapshot,
        dump_name=manifest.dump_name,
        dump_sha256=manifest.dump_sha256,
        dump_bytes=manifest.dump_bytes,
        files_snapshot=found.files_snapshot,
        files=tuple(PointFile(sha256=file.sha256, size_bytes=file.size_bytes) for file in manifest.files),
        digest=manifest.digest(),
    )

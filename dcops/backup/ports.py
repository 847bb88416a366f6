"""What the backup service needs from outside; readers and writers apart, so observe mode simply gets no writer."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dcops.backup.model import (
    AnySource,
    CheckResult,
    DumpFacts,
    KnownReceipts,
    RestoredFacts,
    Saved,
    Snapshot,
    StoredFile,
)
from dcops.records.kinds.backup import Receipt

OnBytes = Callable[[int], None]


class ByteStream(Protocol):
    """Bytes that another program produces, which may turn out to have failed at the end."""

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; empty at the end, whatever the producer's fate."""

    def finish(self) -> None:
        """Raise CommandError when the producer ended with an error; call it after the last byte."""


class DumpSession(Protocol):
    """One consistent snapshot of a database, open for as long as the dump runs."""

    @property
    def facts(self) -> DumpFacts:
        """Counts and identity inside the snapshot."""

    @property
    def snapshot_at(self) -> datetime:
        """Database time at which the snapshot was taken."""

    def dump(self) -> AbstractContextManager[ByteStream]:
        """Start the dump of this very snapshot and stream it."""


class Database(Protocol):
    """A database to be dumped."""

    def session(self) -> AbstractContextManager[DumpSession]:
        """Open a snapshot. Raises Unreachable, AuthenticationFailed."""


class FileMirror(Protocol):
    """A local copy of a content-addressed folder of another host."""

    @property
    def folder(self) -> Path:
        """Where the copy lies."""

    def refresh(self, on_bytes: OnBytes) -> tuple[StoredFile, ...]:
        """Bring the copy up to date and give all its files, sorted. Raises IntegrityFailure for a damaged source."""


class RepositoryReader(Protocol):
    """A restic repository, read."""

    @property
    def where(self) -> str:
        """Address for messages, without credentials."""

    @property
    def tool_version(self) -> str:
        """Version of restic."""

    def identity(self) -> str:
        """Give the repository's id. Raises RepositoryMissing, WrongKey, Locked, Unreachable."""

    def snapshots(self, *, is_lock_held: bool = False) -> list[Snapshot]:
        """Give all snapshots, oldest first; without a lock of its own while the caller's open stream holds one."""

    def read_file(self, snapshot: str, path: str) -> bytes:
        """Give one small file whole."""

    def stream_file(self, snapshot: str, path: str) -> AbstractContextManager[ByteStream]:
        """Stream one file. Raises IntegrityFailure from `finish` when data is damaged."""

    def stream_folder(self, snapshot: str) -> AbstractContextManager[ByteStream]:
        """Stream a whole snapshot as a tar archive with relative names."""

    def restore(self, snapshot: str, target: Path, only: Sequence[str] = ()) -> None:
        """Write a snapshot below `target`, or only the files with these names. Raises IntegrityFailure."""

    def check(self, *, is_data_read: bool) -> CheckResult:
        """Check structure, and data too when asked. Raises IntegrityFailure."""


class Storing(Protocol):
    """A snapshot in the making. Leaving the block that opened it ends it."""

    def saved(self) -> Saved:
        """Wait until it is stored. Raises what went wrong."""


class StoringStream(Storing, Protocol):
    """A snapshot of a stream in the making; leaving its block without `feed` leaves neither snapshot nor lock."""

    def feed(self, stream: ByteStream, on_bytes: OnBytes) -> str:
        """Copy a stream to its end, only once, and give its SHA-256; `saved` then waits until it is stored.

        When the producer failed, restic is interrupted before its input ends: neither snapshot nor lock remains, and
        the producer's error is raised.
        """


class RepositoryWriter(Protocol):
    """A restic repository, written."""

    def initialise(self) -> str:
        """Make the repository and give its id."""

    def open_stream(self, name: str, tags: Sequence[str]) -> AbstractContextManager[StoringStream]:
        """Start to store a file `name`, so that its key and lock are had before there is a byte to store."""

    def open_folder(self, folder: Path, tags: Sequence[str]) -> AbstractContextManager[Storing]:
        """Start to store a folder, with names relative to it."""


class ThrowawayDatabase(Protocol):
    """A dump that was loaded into a cluster nobody else can reach."""

    def facts(self) -> RestoredFacts:
        """Count and look as the backup did inside its snapshot."""

    def links(self) -> frozenset[tuple[str, str]]:
        """Give (owner, SHA-256) of each row of the policy's `references`; empty where it names no owner."""

    def value(self, statement: str) -> object:
        """Give the first value of the first row of a reading statement, None without one.

        Raises DcopsError that names the kind of error only, never what is in a row.
        """


class ThrowawayCluster(Protocol):
    """A database server that lives for one verification, in a private folder of its own."""

    def load(self, dump: Path, source: AnySource) -> AbstractContextManager[ThrowawayDatabase]:
        """Make the cluster and load the dump. Raises DcopsError: no program, too old a one; IntegrityFailure: no load.

        Leaving the block ends the server; its folder is the scratch's to wipe.
        """


class Scratch(Protocol):
    """The private folders one run made for itself."""

    @property
    def folder(self) -> Path:
        """Where restored data goes; empty at first, only its owner can enter."""

    @property
    def free_bytes(self) -> int:
        """Room that is left there."""

    def wipe(self) -> bool:
        """Remove everything and look whether it is gone; harmless when done before."""


class ReceiptLog(Protocol):
    """The journal, as far as backups use it."""

    def enrolled(self, repository: str) -> str | None:
        """Give the repository id enrolled under this name, or None."""

    def enrol(self, repository: str, repository_id: str, run: str) -> None:
        """Record the id of a repository on first use."""

    def add(self, receipt: Receipt, run: str) -> None:
        """Record the outcome of a run, good or bad."""

    def receipts(self, application: str) -> list[Receipt]:
        """Give the recorded receipts of an application, oldest first."""

    def everywhere(self, application: str) -> KnownReceipts:
        """Give its receipts of this journal and of every verified journal that was handed over here."""

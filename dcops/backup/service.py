"""Use cases of backups: run, list, check, restore, status. Takes ports; knows no adapter."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dcops.backup.model import BackupPolicy, BackupSet, CheckResult, DumpFacts, Manifest, Saved, Snapshot, StoredFile
from dcops.backup.parse import parse_manifest
from dcops.backup.plan import (
    PART_DUMP,
    PART_FILES,
    PART_MANIFEST,
    Freshness,
    check_clock,
    check_identity,
    compare_restored,
    freshness,
    missing_files,
    newest_manifest,
    refuse_small,
    settled,
    shrink_warning,
    tags_of,
)
from dcops.backup.ports import (
    ByteStream,
    Database,
    DumpSession,
    FileMirror,
    ReceiptLog,
    RepositoryReader,
    RepositoryWriter,
)
from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError, IntegrityFailure, Refused, RepositoryMissing
from dcops.core.files import private_dir
from dcops.core.words import Environment
from dcops.records.kinds.backup import Receipt

MANIFEST_NAME = "manifest.json"
Report = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where a run acts: environment and site as the host's identity attests them."""

    environment: Environment
    site: str
    inventory_revision: str


@dataclass(frozen=True)
class Writers:
    """What only a run that writes gets; observe mode has none."""

    database: Database
    mirror: FileMirror | None
    repository: RepositoryWriter


class _Bytes:
    """Counts bytes and reports every 32 MiB, so a person sees that something moves."""

    def __init__(self, report: Report, what: str) -> None:
        self.total = 0
        self._report, self._what = report, what

    def __call__(self, count: int) -> None:
        step = 32 << 20
        if (self.total + count) // step > self.total // step:
            self._report(f"{self._what}: {(self.total + count) >> 20} MiB")
        self.total += count


class _Counting:
    """A stream that remembers its length."""

    def __init__(self, inner: ByteStream) -> None:
        self._inner = inner
        self.total = 0

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes."""
        chunk = self._inner.read(size)
        self.total += len(chunk)
        return chunk

    def finish(self) -> None:
        """Raise when the producer failed."""
        self._inner.finish()


class _Bytestring:
    """Bytes in memory as a stream that cannot fail."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes."""
        chunk, self._content = self._content[:size], self._content[size:]
        return chunk

    def finish(self) -> None:
        """Nothing can have failed."""


class BackupService:
    """The backups of one application in one repository."""

    def __init__(self, policy: BackupPolicy, place: Place, reader: RepositoryReader, receipts: ReceiptLog) -> None:
        self._policy = policy
        self._place = place
        self._reader = reader
        self._receipts = receipts

    # -- run ---------------------------------------------------------------------------------------------------

    def run(self, writers: Writers, run: str, report: Report) -> Receipt:
        """Take one backup and record its receipt, whatever becomes of it.

        Order: preflight, dump, files, manifest. Files come after the dump, so every row in the dump finds its file in
        the copy; the manifest comes last, so a set without one is known to be incomplete.

        Raises what went wrong (exit codes 5, 10 to 14); the receipt of the failure is recorded first.
        """
        began = monotonic()
        progress = _Progress(self._policy, self._place, run, self._reader.tool_version)
        try:
            self._take(writers, run, report, progress)
        except DcopsError as error:
            progress.update(status="failed", error=str(error), exit_code=int(error.exit_code))
            self._receipts.add(progress.receipt(monotonic() - began, utc_now()), run)
            raise
        receipt = progress.receipt(monotonic() - began, utc_now())
        self._receipts.add(receipt, run)
        return receipt

    def _take(self, writers: Writers, run: str, report: Report, progress: "_Progress") -> None:
        """Do the work of `run` and note each result in `progress`."""
        with writers.database.session() as session:
            check_clock(session.facts)
            report(f"database {session.facts.database}: {sum(session.facts.rows.values())} rows in one snapshot")
            repository_id = self._identify(writers.repository, run, report)
            progress.update(repository_id=repository_id)
            dump, digest, size = self._store_dump(writers, session, run, report)
        progress.update(dump=dump, dump_bytes=size)
        files, saved = self._store_files(writers, run, session.facts, report)
        dump, saved = self._settle(dump, saved)
        progress.update(dump=dump)
        manifest = self._manifest(session, run, repository_id, (dump, digest, size), (files, saved))
        stored = self._store_manifest(writers.repository, manifest, run)
        progress.update(files=saved, manifest=manifest, manifest_snapshot=stored.snapshot)

    def _identify(self, writer: RepositoryWriter, run: str, report: Report) -> str:
        """Give the repository's id after comparing it with the enrolled one; enrol it on first use."""
        spec = self._policy.repository
        enrolled = self._receipts.enrolled(spec.name)
        try:
            found = self._reader.identity()
        except RepositoryMissing as error:
            if enrolled is not None or not spec.create_if_missing:
                raise
            report(f"repository {spec.name}: not there yet, made ({error.where})")
            found = writer.initialise()
        check_identity(found, enrolled, self._reader.where)
        if enrolled is None:
            self._receipts.enrol(spec.name, found, run)
            report(f"repository {spec.name}: id {found[:12]} enrolled")
        return found

    def _store_dump(self, writers: Writers, session: DumpSession, run: str, report: Report) -> tuple[Saved, str, int]:
        """Stream the dump into the repository; a failed dump stores nothing."""
        name = dump_name(self._policy)
        tags = tags_of(self._policy.application, run, PART_DUMP)
        with session.dump() as raw:
            stream = _Counting(raw)
            saved, digest = writers.repository.store_stream(stream, name, tags, _Bytes(report, "dump"))
        refuse_small(stream.total, self._policy.minimum_size, name)
        report(f"dump: {stream.total} bytes, snapshot {saved.snapshot[:8]}")
        return saved, digest, stream.total

    def _store_files(
        self, writers: Writers, run: str, facts: DumpFacts, report: Report
    ) -> tuple[tuple[StoredFile, ...], Saved | None]:
        """Mirror the files and store them; raise when a row of the dump names a file that is not among them."""
        if writers.mirror is None:
            return (), None
        files = writers.mirror.refresh(_Bytes(report, "files"))
        lost = missing_files(facts, files)
        if lost:
            hint = "Look for the files on the application server; the rows that name them are damaged."
            raise IntegrityFailure(f"{len(lost)} files named by rows are not there, first {lost[0][:16]}", hint=hint)
        tags = tags_of(self._policy.application, run, PART_FILES)
        saved = writers.repository.store_folder(writers.mirror.folder, tags)
        report(f"files: {len(files)}, snapshot {saved.snapshot[:8]}")
        return files, saved

    def _settle(self, dump: Saved, files: Saved | None) -> tuple[Saved, Saved | None]:
        """Find both snapshots in the repository's own list: whole ids, trees, and the proof that they are there."""
        listed = self._reader.snapshots()
        return settled(dump, listed, self._reader.where), files and settled(files, listed, self._reader.where)

    def _manifest(
        self,
        session: DumpSession,
        run: str,
        repository_id: str,
        dump: tuple[Saved, str, int],
        files: tuple[tuple[StoredFile, ...], Saved | None],
    ) -> Manifest:
        saved, digest, size = dump
        return Manifest(
            application=self._policy.application,
            run=run,
            environment=self._place.environment.value,
            site=self._place.site,
            repository_id=repository_id,
            snapshot_at=session.snapshot_at,
            facts=session.facts,
            dump_snapshot=saved.snapshot,
            dump_name=dump_name(self._policy),
            dump_sha256=digest,
            dump_bytes=size,
            files_snapshot=files[1].snapshot if files[1] else None,
            files=files[0],
        )

    def _store_manifest(self, writer: RepositoryWriter, manifest: Manifest, run: str) -> Saved:
        tags = tags_of(manifest.application, run, PART_MANIFEST)
        saved, _ = writer.store_stream(_Bytestring(manifest.canonical()), MANIFEST_NAME, tags, lambda _: None)
        return saved

    # -- look --------------------------------------------------------------------------------------------------

    def snapshots(self) -> list[Snapshot]:
        """Give the snapshots of this application, oldest first."""
        return [each for each in self._reader.snapshots() if each.tag("app") == self._policy.application]

    def newest_set(self, run: str | None = None) -> BackupSet | None:
        """Give the newest complete set (or the one whose run id ends in `run`), read from the repository, or None."""
        found = newest_manifest(self._reader.snapshots(), self._policy.application, run)
        if found is None:
            return None
        manifest = parse_manifest(self._reader.read_file(found.id, f"/{MANIFEST_NAME}"), self._reader.where)
        return BackupSet(manifest=manifest, manifest_snapshot=found.id, finished_at=found.time)

    def check(self, *, is_data_read: bool) -> CheckResult:
        """Check the repository. Raises IntegrityFailure, and Refused when it is not the enrolled one."""
        enrolled = self._receipts.enrolled(self._policy.repository.name)
        check_identity(self._reader.identity(), enrolled, self._reader.where)
        return self._reader.check(is_data_read=is_data_read)

    def status(self, now: datetime) -> Freshness:
        """Judge the newest good receipt, of this journal and of those handed over here, against the policy."""
        known = self._receipts.everywhere(self._policy.application)
        good = [(receipt.finished_at, journal) for journal, receipt in known.receipts if receipt.status == "done"]
        newest, journal = max(good, default=(None, ""))
        judged = freshness(self._policy.application, newest, self._policy.max_age, now)
        return judged.model_copy(update={"journal": journal, "problems": known.problems})

    def warning(self, receipt: Receipt) -> str | None:
        """Give a warning when a dump shrank against the recorded ones, else None."""
        earlier = [
            each.dump_bytes
            for each in self._receipts.receipts(self._policy.application)
            if each.status == "done" and each.run != receipt.run
        ]
        return shrink_warning(receipt.dump_bytes, earlier)

    # -- restore -----------------------------------------------------------------------------------------------

    def restore(self, wanted: str, target: Path, report: Report) -> BackupSet | None:
        """Restore `latest`, a run or a snapshot into an empty private folder and compare it with its manifest.

        A run (or `latest`) restores the whole set below `dump/` and `files/`; a single snapshot is restored as it is
        and cannot be compared. Raises Refused for a target that is not empty, IntegrityFailure for damaged data.
        """
        _require_empty(target)
        found = self._set_of(wanted)
        private_dir(target)
        if found is None:
            report(f"snapshot {wanted[:8]}")
            self._reader.restore(wanted, target)
            return None
        manifest = found.manifest
        report(f"dump {manifest.dump_snapshot[:8]}: {manifest.dump_bytes} bytes")
        self._reader.restore(manifest.dump_snapshot, private_dir(target / "dump"))
        files: dict[str, str] = {}
        if manifest.files_snapshot:
            report(f"files {manifest.files_snapshot[:8]}: {len(manifest.files)}")
            self._reader.restore(manifest.files_snapshot, private_dir(target / "files"))
            files = {path.name: _sha256(path) for path in (target / "files").rglob("*") if path.is_file()}
        compare_restored(manifest, _sha256(target / "dump" / manifest.dump_name), files)
        return found

    def _set_of(self, wanted: str) -> BackupSet | None:
        """Give the set a word means: `latest`, the end of a run id, or the id of one of its snapshots."""
        found = self.newest_set(None if wanted == "latest" else wanted.upper())
        if found is not None:
            return found
        snapshots = [each for each in self.snapshots() if each.id.startswith(wanted.lower())]
        if wanted == "latest" or len(snapshots) != 1:
            message = f'no complete set and no single snapshot is called "{wanted}"'
            raise DcopsError(message, where=self._reader.where, hint="List them: dcops backup list.")
        return None


class _Progress:
    """What is known of a run so far, so a failure's receipt tells how far it came."""

    def __init__(self, policy: BackupPolicy, place: Place, run: str, tool_version: str) -> None:
        self._policy, self._place, self._run, self._tool = policy, place, run, tool_version
        self._started = utc_now()
        self._status, self._error, self._exit_code = "done", "", 0
        self._repository_id = ""
        self._dump: Saved | None = None
        self._dump_bytes = 0
        self._files: Saved | None = None
        self._manifest: Manifest | None = None
        self._manifest_snapshot = ""

    def update(self, **found: object) -> None:
        """Note results by name; unknown names are a defect."""
        for name, value in found.items():
            if not hasattr(self, f"_{name}"):
                raise AttributeError(name)
            setattr(self, f"_{name}", value)

    def receipt(self, seconds: float, now: datetime) -> Receipt:
        """Give the receipt of the run as it stands."""
        manifest, dump, files = self._manifest, self._dump, self._files
        facts = manifest.facts if manifest else None
        return Receipt(
            application=self._policy.application,
            run=self._run,
            status=self._status,
            error=self._error,
            exit_code=self._exit_code,
            site=self._place.site,
            repository=self._policy.repository.name,
            repository_id=self._repository_id,
            tool=f"restic {self._tool}",
            dump_snapshot=dump.snapshot if dump else "",
            dump_tree=dump.tree if dump else "",
            files_snapshot=files.snapshot if files else "",
            files_tree=files.tree if files else "",
            manifest_snapshot=self._manifest_snapshot,
            manifest_sha256=manifest.digest() if manifest else "",
            file_count=len(manifest.files) if manifest else 0,
            file_bytes=manifest.files_bytes if manifest else 0,
            dump_bytes=self._dump_bytes,
            added_bytes=(dump.added_bytes if dump else 0) + (files.added_bytes if files else 0),
            rows=facts.rows if facts else {},
            newest=facts.newest if facts else None,
            snapshot_at=manifest.snapshot_at if manifest else None,
            clock_offset_seconds=facts.clock_offset_seconds if facts else None,
            started_at=self._started,
            finished_at=now,
            duration_seconds=round(seconds, 3),
        )


def dump_name(policy: BackupPolicy) -> str:
    """Give the name a dump has inside its snapshot."""
    return f"{policy.database.database}.dump"


def _require_empty(target: Path) -> None:
    """Raise Refused unless the target is a name that is free or an empty folder."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        hint = "Name a new folder. Nothing was touched."
        raise Refused("the target is not an empty folder", where=str(target), hint=hint)


def _sha256(path: Path) -> str:
    """Give the SHA-256 of a file's content. Raises DcopsError when it is not there."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DcopsError(f"cannot be read after the restore: {error.strerror}", where=str(path)) from error

"""Use cases of backups: run, list, check, restore, status. Takes ports; knows no adapter."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dcops.backup.enrolment import identify
from dcops.backup.model import (
    ENGINES,
    BackupPolicy,
    BackupSet,
    CheckResult,
    DumpFacts,
    Manifest,
    Saved,
    Snapshot,
    StoredFile,
)
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
    Database,
    DumpSession,
    FileMirror,
    ReceiptLog,
    RepositoryReader,
    RepositoryWriter,
    Storing,
    StoringStream,
)
from dcops.backup.streams import Bytestring, Counting, Moved, Report
from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError, IntegrityFailure, Interrupted, Refused
from dcops.core.files import private_dir
from dcops.core.words import Environment
from dcops.records.kinds.backup import Receipt

MANIFEST_NAME = "manifest.json"


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
        with ExitStack() as storing:
            with writers.database.session() as session:
                check_clock(session.facts)
                report(f"database {session.facts.database}: {sum(session.facts.rows.values())} rows in one snapshot")
                repository_id = identify(
                    self._policy.repository,
                    self._reader,
                    writers.repository.initialise,
                    self._receipts,
                    run=run,
                    report=report,
                )
                progress.update(repository_id=repository_id)
                # Opened before it is needed: it derives its key while the dump's does, and its lock lasts the run.
                last = self._open(storing, writers.repository, run, PART_MANIFEST, MANIFEST_NAME)
                first = self._open(storing, writers.repository, run, PART_DUMP, dump_name(self._policy))
                digest, size = self._feed_dump(first, session, report)
            progress.update(dump_bytes=size)
            # The producer has ended well, so the files may begin while restic finishes the dump.
            try:
                files, folder = self._start_files(storing, writers, run, session.facts, report)
            except Interrupted:
                raise
            except DcopsError:
                progress.update(dump=first.saved())
                raise
            dump, saved = first.saved(), None
            progress.update(dump=dump)
            if folder:
                saved = folder.saved()
                progress.update(files=saved)
                report(f"files: {len(files)}, snapshot {saved.snapshot[:8]}")
            dump, saved = self._settle(dump, saved)
            progress.update(dump=dump)
            manifest = self._manifest(session, run, repository_id, (dump, digest, size), (files, saved))
            last.feed(Bytestring(manifest.canonical()), lambda _: None)
            progress.update(files=saved, manifest=manifest, manifest_snapshot=last.saved().snapshot)

    def _open(self, storing: ExitStack, writer: RepositoryWriter, run: str, part: str, name: str) -> StoringStream:
        """Start to store one part of the set; `storing` ends it."""
        return storing.enter_context(writer.open_stream(name, tags_of(self._policy.application, run, part)))

    def _feed_dump(self, storing: StoringStream, session: DumpSession, report: Report) -> tuple[str, int]:
        """Stream the dump into the repository, give its SHA-256 and bytes; a failed or small dump stores nothing."""
        name, minimum = dump_name(self._policy), self._policy.minimum_size
        with session.dump() as raw:
            stream = Counting(raw, lambda total: refuse_small(total, minimum, name))
            digest = storing.feed(stream, Moved(report, "dump"))
        report(f"dump: {stream.total} bytes")
        return digest, stream.total

    def _start_files(
        self, storing: ExitStack, writers: Writers, run: str, facts: DumpFacts, report: Report
    ) -> tuple[tuple[StoredFile, ...], Storing | None]:
        """Mirror the files and start to store them; raise when a row of the dump names a file that is not there."""
        if writers.mirror is None:
            return (), None
        files = writers.mirror.refresh(Moved(report, "files"))
        lost = missing_files(facts, files)
        if lost:
            hint = "Look for the files on the application server; the rows that name them are damaged."
            raise IntegrityFailure(f"{len(lost)} files named by rows are not there, first {lost[0][:16]}", hint=hint)
        tags = tags_of(self._policy.application, run, PART_FILES)
        return files, storing.enter_context(writers.repository.open_folder(writers.mirror.folder, tags))

    def _settle(self, dump: Saved, files: Saved | None) -> tuple[Saved, Saved | None]:
        """Find both snapshots in the repository's own list: whole ids, trees, and the proof that they are there."""
        listed = self._reader.snapshots(is_lock_held=True)
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

    # -- look --------------------------------------------------------------------------------------------------

    def snapshots(self) -> list[Snapshot]:
        """Give the snapshots of this application, oldest first."""
        return [each for each in self._reader.snapshots() if each.tag("app") == self._policy.application]

    def newest_set(self, run: str | None = None) -> BackupSet | None:
        """Give the newest complete set (or the one whose run id ends in `run`), read from the repository, or None."""
        listed = self._reader.snapshots()
        found = newest_manifest(listed, self._policy.application, run)
        if found is None:
            return None
        manifest = parse_manifest(self._reader.read_file(found.id, f"/{MANIFEST_NAME}"), self._reader.where)
        copied = {each.original: each.id for each in listed if each.original and each.tag("run") == manifest.run}
        return BackupSet(manifest=manifest, manifest_snapshot=found.id, finished_at=found.time, copied=copied)

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
        report(f"dump {found.dump_snapshot[:8]}: {manifest.dump_bytes} bytes")
        self._reader.restore(found.dump_snapshot, private_dir(target / "dump"))
        files: dict[str, str] = {}
        if found.files_snapshot:
            report(f"files {found.files_snapshot[:8]}: {len(manifest.files)}")
            self._reader.restore(found.files_snapshot, private_dir(target / "files"))
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
    return f"{policy.database.database}.{ENGINES[policy.database.kind][1]}"


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

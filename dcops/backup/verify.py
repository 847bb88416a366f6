"""Use case: prove that a set comes back. Restore, compare with the manifest, load the dump, ask the invariants, wipe.

Takes ports; knows no adapter. A result is a value: what was proved, what went wrong, whether everything was wiped.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dcops.backup.groups import Links
from dcops.backup.model import ENGINES, BackupPolicy, BackupSet, Manifest, StoredFile
from dcops.backup.plan import (
    check_identity,
    compare_dump,
    compare_facts,
    compare_files,
    compare_receipt,
    does_hold,
    sample_files,
)
from dcops.backup.ports import ReceiptLog, RepositoryReader, Scratch, ThrowawayCluster, ThrowawayDatabase
from dcops.backup.service import BackupService
from dcops.core.errors import DcopsError, IntegrityFailure, PolicyBroken
from dcops.core.files import private_dir
from dcops.core.units import format_size

Report = Callable[[str], None]
# A loaded dump takes about its own size again, and its indexes; what is short of room should say so at the start.
_DATABASE_FACTOR = 3
_INCLUDES_AT_ONCE = 500  # names in one call of restic: far below the limit of an argument list


@dataclass(frozen=True)
class Request:
    """What is to be proved.

    Attributes:
        wanted: `latest`, the end of a run id, or the beginning of a snapshot id of a set.
        sample: how many files, drawn by the id of the verifying run; None means all of them.
        is_loaded: the dump is loaded into a throwaway database and looked at.
    """

    wanted: str = "latest"
    sample: int | None = 20
    is_loaded: bool = False

    @property
    def method(self) -> str:
        """What the record calls it."""
        if self.is_loaded:
            return "verify full" if self.sample is None else "verify db"
        return "verify sample"


@dataclass
class Findings:
    """What was proved so far; it stays readable when something goes wrong half way."""

    set_run: str = ""
    repository_id: str = ""
    snapshot_ids: list[str] = field(default_factory=list)
    has_receipt: bool = False
    dump_bytes: int = 0
    files_total: int = 0
    files_checked: int = 0
    files_bytes: int = 0
    tables: int = 0
    rows: int = 0
    engine: str = ""
    invariants_held: list[str] = field(default_factory=list)
    invariants_broken: list[str] = field(default_factory=list)
    is_wiped: bool = False


@dataclass(frozen=True)
class Outcome:
    """The end of a verification; `error` is None when everything asked for was proved.

    `snapshot_at`, `links`: of a database that was loaded, for its consistency group; in no record.
    """

    findings: Findings
    error: DcopsError | None
    snapshot_at: datetime | None = None
    links: Links = frozenset()


class VerifyService:
    """Verifications of the sets of one application."""

    def __init__(
        self, policy: BackupPolicy, backups: BackupService, reader: RepositoryReader, receipts: ReceiptLog
    ) -> None:
        self._policy, self._backups, self._reader, self._receipts = policy, backups, reader, receipts
        self._loaded: tuple[datetime | None, Links] = (None, frozenset())

    def verify(
        self, request: Request, scratch: Scratch, cluster: ThrowawayCluster, run: str, report: Report
    ) -> Outcome:
        """Prove what is asked, then wipe. Raises no DcopsError: it is in the outcome, so that it can be recorded.

        Errors: 7 another repository, 10 to 12 of the repository, 13 damaged or different data, 14 a broken invariant.
        """
        findings, error = Findings(), None
        try:
            try:
                self._prove(request, scratch, cluster, run, report, findings)
            except DcopsError as failure:
                error = failure
        finally:
            findings.is_wiped = scratch.wipe()
        if not findings.is_wiped and error is None:
            hint = "It holds restored data: remove it, then verify again."
            error = DcopsError("the scratch folder could not be wiped", where=str(scratch.folder), hint=hint)
        return Outcome(findings, error, *self._loaded)

    def _prove(
        self,
        request: Request,
        scratch: Scratch,
        cluster: ThrowawayCluster,
        run: str,
        report: Report,
        findings: Findings,
    ) -> None:
        findings.repository_id = self._reader.identity()
        check_identity(
            findings.repository_id, self._receipts.enrolled(self._policy.repository.name), self._reader.where
        )
        found = self._find(request.wanted, findings)
        manifest = found.manifest
        report(
            f"set {manifest.run}: manifest {'equals its receipt' if findings.has_receipt else 'without receipt here'}"
        )
        files = manifest.files if request.sample is None else sample_files(manifest.files, request.sample, run)
        _require_room(manifest, files, scratch, is_loaded=request.is_loaded)
        dump = self._dump(found, scratch, report, findings)
        self._files(found, files, scratch, report, findings)
        if request.is_loaded:
            report(f"database: a throwaway cluster loads {format_size(manifest.dump_bytes)}")
            with cluster.load(dump, self._policy.database) as database:
                self._database(manifest, database, report, findings)

    def _find(self, wanted: str, findings: Findings) -> BackupSet:
        """Give the set that is meant, its manifest compared with its receipt."""
        found = self._set_of(wanted)
        manifest = found.manifest
        findings.set_run = manifest.run
        findings.files_total = len(manifest.files)
        ids = (found.dump_snapshot, found.files_snapshot, found.manifest_snapshot)
        findings.snapshot_ids = [each for each in ids if each]
        known = (receipt for _, receipt in self._receipts.everywhere(self._policy.application).receipts)
        findings.has_receipt = compare_receipt(manifest, known)
        return found

    def _set_of(self, wanted: str) -> BackupSet:
        found = self._backups.newest_set(None if wanted == "latest" else wanted.upper())
        if found is None and wanted != "latest":
            runs = {each.tag("run") for each in self._backups.snapshots() if each.id.startswith(wanted.lower())}
            found = self._backups.newest_set(runs.pop()) if len(runs) == 1 else None
        if found is None:
            message = f'no complete set is called "{wanted}", so there is no manifest to compare with'
            raise DcopsError(message, where=self._reader.where, hint="List them: dcops backup list.")
        return found

    def _dump(self, found: BackupSet, scratch: Scratch, report: Report, findings: Findings) -> Path:
        manifest = found.manifest
        report(f"dump {found.dump_snapshot[:8]}: {format_size(manifest.dump_bytes)}")
        target = private_dir(scratch.folder / "dump")
        self._reader.restore(found.dump_snapshot, target)
        path = target / manifest.dump_name
        compare_dump(manifest, _sha256(path))
        findings.dump_bytes = path.stat().st_size
        return path

    def _files(
        self,
        found: BackupSet,
        wanted: tuple[StoredFile, ...],
        scratch: Scratch,
        report: Report,
        findings: Findings,
    ) -> None:
        manifest, snapshot = found.manifest, found.files_snapshot
        if not snapshot or not wanted:
            return
        report(f"files {snapshot[:8]}: {len(wanted)} of {len(manifest.files)}")
        target = private_dir(scratch.folder / "files")
        if len(wanted) == len(manifest.files):
            self._reader.restore(snapshot, target)
        else:
            names = [file.sha256 for file in wanted]
            for first in range(0, len(names), _INCLUDES_AT_ONCE):
                self._reader.restore(snapshot, target, names[first : first + _INCLUDES_AT_ONCE])
        restored = [path for path in target.rglob("*") if path.is_file()]
        compare_files(manifest, wanted, {path.name: _sha256(path) for path in restored})
        findings.files_checked = len(wanted)
        findings.files_bytes = sum(path.stat().st_size for path in restored)

    def _database(self, manifest: Manifest, database: ThrowawayDatabase, report: Report, findings: Findings) -> None:
        facts = database.facts()
        findings.engine = f"{ENGINES[self._policy.database.kind][0]} {facts.engine}"
        compare_facts(manifest, facts)
        self._loaded = (manifest.snapshot_at, database.links())
        findings.tables, findings.rows = len(facts.rows), sum(facts.rows.values())
        report(f"database: {findings.rows} rows in {findings.tables} tables, as in the manifest")
        reasons = []
        for invariant in self._policy.invariants:
            try:
                found = database.value(invariant.sql)
                reason = "" if does_hold(invariant, found) else f"gave {_shown(found)}, expected {invariant.expect}"
            except DcopsError as error:
                reason = f"could not be asked: {error}"
            (findings.invariants_broken if reason else findings.invariants_held).append(invariant.id)
            reasons += [f"{invariant.id} {reason}"] if reason else []
            report(f"invariant {invariant.id}: {reason or 'holds'}")
        if reasons:
            hint = "The copy is whole; the application's data is not. Ask its owner before relying on it."
            raise PolicyBroken(f"invariants: {'; '.join(reasons)}", where=f"set {manifest.run}", hint=hint)


def _require_room(manifest: Manifest, files: tuple[StoredFile, ...], scratch: Scratch, *, is_loaded: bool) -> None:
    """Raise DcopsError when what will be restored does not fit."""
    database = manifest.dump_bytes * (1 + (_DATABASE_FACTOR if is_loaded else 0))
    need, free = database + sum(file.size_bytes for file in files), scratch.free_bytes
    if need > free:
        message = f"{format_size(need)} would be restored, {format_size(free)} are free"
        raise DcopsError(message, where=str(scratch.folder), hint="Make room there, or verify a smaller sample.")


def _shown(found: object) -> str:
    """Give a number or boolean as it is, of anything else only its type: it may be somebody's data."""
    return str(found) if found is None or isinstance(found, bool | int | float) else type(found).__name__


def _sha256(path: Path) -> str:
    """Give the SHA-256 of a restored file. Raises IntegrityFailure when it is not there."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise IntegrityFailure(f"cannot be read after the restore: {error.strerror}", where=path.name) from error

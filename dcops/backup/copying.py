"""Use case: copy a complete set to a second repository, and look whether it is there. Takes ports; knows no adapter."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dcops.backup.enrolment import identify
from dcops.backup.model import BackupSet, RepositorySpec, Snapshot
from dcops.backup.plan import PART_DUMP, PART_FILES, PART_MANIFEST, check_identity
from dcops.backup.ports import RepositoryReader
from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError, IntegrityFailure
from dcops.records.kinds.backup import Receipt
from dcops.records.kinds.backup_copies import BackupCopy, CopiedSnapshot

Report = Callable[[str], None]


class Copier(Protocol):
    """Copies between two repositories."""

    def initialise(self) -> None:
        """Make the target."""

    def copy(self, ids: Sequence[str]) -> None:
        """Copy snapshots; one that is there already is passed over."""


class CopyLog(Protocol):
    """The journal, as far as copies use it."""

    def enrolled(self, repository: str) -> str | None:
        """Give the repository id enrolled under this name, or None."""

    def enrol(self, repository: str, repository_id: str, run: str) -> None:
        """Record the id of a repository on first use."""

    def add_copy(self, copy: BackupCopy, run: str) -> None:
        """Record a copy, good or bad."""


@dataclass(frozen=True)
class Vouched:
    """The receipt of the set that is copied, and when it was recorded; None where none is known here."""

    receipt: Receipt | None = None
    recorded_at: datetime | None = None


class CopyService:
    """Copies of one application's sets from its repository to another."""

    def __init__(
        self, source: tuple[RepositorySpec, RepositoryReader], target: tuple[RepositorySpec, RepositoryReader],
        copier: Copier, log: CopyLog,
    ) -> None:  # fmt: skip
        self._source, self._source_reader = source
        self._target, self._reader = target
        self._copier, self._log = copier, log

    def copy(self, found: BackupSet, vouched: Vouched, run: str, report: Report) -> BackupCopy:
        """Copy a set and record it, whatever becomes of it. A second call copies nothing and finds it there.

        Raises what went wrong (exit codes 5, 7, 10 to 13) after the record of the failure.
        """
        began, manifest = monotonic(), found.manifest
        record = BackupCopy(
            application=manifest.application,
            run=manifest.run,
            status="failed",
            source=self._source.name,
            repository=self._target.name,
            manifest_sha256=manifest.digest(),
            tool=f"restic {self._reader.tool_version}",
            set_started_at=vouched.receipt.started_at if vouched.receipt else None,
            set_finished_at=vouched.receipt.finished_at if vouched.receipt else found.finished_at,
            set_recorded_at=vouched.recorded_at,
            finished_at=utc_now(),
            duration_seconds=0.0,
        )
        done: dict[str, object] = {}
        try:
            self._copy(found, run, report, done)
            done["status"] = "done"
        except DcopsError as error:
            done |= {"error": str(error), "exit_code": int(error.exit_code)}
            raise
        finally:
            done |= {"finished_at": utc_now(), "duration_seconds": round(monotonic() - began, 3)}
            record = record.model_copy(update=done)
            self._log.add_copy(record, run)
        return record

    def _copy(self, found: BackupSet, run: str, report: Report, done: dict[str, object]) -> None:
        done["source_id"] = self._source_reader.identity()
        check_identity(str(done["source_id"]), self._log.enrolled(self._source.name), self._source_reader.where)
        done["repository_id"] = identify(
            self._target, self._reader, self._copier.initialise, self._log, run=run, report=report
        )
        ids = _ids(found)
        report(f"{self._target.name}: {len(ids)} snapshots of set {found.manifest.run}")
        self._copier.copy(list(ids.values()))
        done["snapshots"] = _settled(ids, self._source_reader.snapshots(), self._reader.snapshots(), self._reader.where)


def _ids(found: BackupSet) -> dict[str, str]:
    """Give part -> snapshot id in the repository the set was found in."""
    manifest = found.manifest
    ids = {PART_DUMP: manifest.dump_snapshot, PART_FILES: manifest.files_snapshot or ""}
    return {part: each for part, each in {**ids, PART_MANIFEST: found.manifest_snapshot}.items() if each}


def _settled(
    ids: dict[str, str], source: Iterable[Snapshot], target: Iterable[Snapshot], where: str
) -> list[CopiedSnapshot]:
    """Find each part in the target's own list. Raises IntegrityFailure when one is not there, or is another."""
    trees = {each.id: each.tree for each in source}
    copies = {each.original: each for each in target if each.original}
    settled = []
    for part, wanted in ids.items():
        copy = copies.get(wanted)
        if copy is None or copy.tree != trees.get(wanted):
            raise IntegrityFailure(f"the {part} {wanted[:8]} is not there after the copy, or is another", where=where)
        settled.append(CopiedSnapshot(part=part, source=wanted, snapshot=copy.id, tree=copy.tree))
    return settled

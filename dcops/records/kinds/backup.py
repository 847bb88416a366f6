"""Records of backups: receipts of runs, good or bad, and verifications. Pure."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from dcops.records.kinds.base import Payload


class Receipt(Payload):
    """The outcome of one backup run.

    Attributes:
        status: `done` only for a complete set: dump, files and manifest stored, every row's file among the files.
        error, exit_code: why it failed; empty and 0 when done.
        dump_snapshot, files_snapshot, manifest_snapshot: restic's ids, empty where none was made.
        manifest_sha256: of the manifest's canonical text, which lies in the repository.
        rows: table -> rows in the dumped snapshot; `newest`: time of its newest row;
            `snapshot_at`: database time of the snapshot.
        added_bytes: what the run added to the repository, after deduplication and compression.
    """

    kind: ClassVar[str] = "backup.receipt"

    application: str
    run: str
    status: Literal["done", "failed"]
    error: str = ""
    exit_code: int = 0
    site: str
    repository: str
    repository_id: str
    tool: str
    dump_snapshot: str = ""
    dump_tree: str = ""
    files_snapshot: str = ""
    files_tree: str = ""
    manifest_snapshot: str = ""
    manifest_sha256: str = ""
    file_count: int = 0
    file_bytes: int = 0
    dump_bytes: int = 0
    added_bytes: int = 0
    rows: dict[str, int] = Field(default_factory=dict)
    newest: datetime | None = None
    snapshot_at: datetime | None = None
    clock_offset_seconds: float | None = None
    started_at: datetime
    finished_at: datetime
    duration_seconds: float


class BackupVerification(Payload):
    """A repository was checked, a restore compared with its manifest, or a set verified.

    Attributes:
        method: check, check --read-data, restore, verify sample, verify db or verify full.
        status: pass, fail, or interrupted (by a signal: it says nothing of the copy).
        grade: `restored` when data came back and was equal, else empty.
        set_run: the run whose set was verified; snapshot_ids: its snapshots.
        files_checked, files_total, checked_bytes: files compared, files of the set, bytes of dump and files compared.
        table_count, row_count: compared with the manifest in the restored database; 0 when none was loaded.
        invariants_held, invariants_broken: their ids.
        has_receipt: the manifest was compared with a receipt known here.
        wiped: everything restored is gone, looked at afterwards; None when the verb restores nothing of its own.
    """

    kind: ClassVar[str] = "backup.verification"

    application: str
    repository: str
    repository_id: str = ""
    method: str
    status: str
    snapshot_ids: list[str] = Field(default_factory=list)
    duration_seconds: float = 0.0
    error: str = ""
    grade: str = ""
    set_run: str = ""
    files_checked: int = 0
    files_total: int = 0
    checked_bytes: int = 0
    table_count: int = 0
    row_count: int = 0
    engine: str = ""
    invariants_held: list[str] = Field(default_factory=list)
    invariants_broken: list[str] = Field(default_factory=list)
    has_receipt: bool = False
    wiped: bool | None = None


class BackupUnlock(Payload):
    """A lock that a dead run had left in a repository was removed, and why it was known to be dead."""

    kind: ClassVar[str] = "backup.unlock"

    repository: str
    repository_id: str
    lock_id: str
    hostname: str
    username: str
    pid: int
    is_exclusive: bool
    locked_at: str
    age_seconds: float
    reason: str


KINDS: tuple[type[Payload], ...] = (Receipt, BackupVerification, BackupUnlock)

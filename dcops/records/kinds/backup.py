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
    """A repository was checked or a restore compared with its manifest: status pass or fail.

    `method` is check, check --read-data or restore.
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


KINDS: tuple[type[Payload], ...] = (Receipt, BackupVerification)

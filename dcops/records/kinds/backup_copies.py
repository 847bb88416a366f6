"""Records of what becomes of backups after they were taken: forgotten, copied elsewhere, or told of by others. Pure."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from dcops.core.words import Frozen
from dcops.records.kinds.base import Payload


class ForgottenSet(Frozen):
    """The snapshots of one run that were forgotten, and the end of that run."""

    application: str
    run: str
    at: datetime
    snapshots: list[str]


class BackupRetention(Payload):
    """The retention host forgot snapshots and pruned a repository, failed at it, or refused to.

    Attributes:
        status: done, failed, or refused because of what is in `doubts`; then nothing was touched.
        plan_id: of the plan that was seen and applied.
        forgotten: by explicit ids, in the order in which they were named.
        kept: how many snapshots stay; `verified`: how many verified sets, an application.
        journals_until: when the journals that vouch for the snapshots were fetched, the oldest of them.
        pruned: whether the space was given back; a failure may come between the two.
    """

    kind: ClassVar[str] = "backup.retention"

    repository: str
    repository_id: str
    status: Literal["done", "failed", "refused"]
    plan_id: str = ""
    forgotten: list[ForgottenSet] = Field(default_factory=list)
    kept: int = 0
    verified: dict[str, int] = Field(default_factory=dict)
    doubts: list[str] = Field(default_factory=list)
    journals_until: datetime | None = None
    pruned: bool = False
    tool: str = ""
    error: str = ""
    duration_seconds: float = 0.0


class CopiedSnapshot(Frozen):
    """One snapshot of a set in the repository it was copied to."""

    part: str
    source: str
    snapshot: str
    tree: str


class BackupCopy(Payload):
    """A set was copied to a second repository, and found there; or it was not.

    Attributes:
        run: whose set; its receipt tells what is in it.
        repository, repository_id: where it was copied to; `source`, `source_id`: from.
        set_started_at, set_finished_at, set_recorded_at: of the receipt of the run, for the snapshots keep their times.
    """

    kind: ClassVar[str] = "backup.copy"

    application: str
    run: str
    status: Literal["done", "failed"]
    error: str = ""
    exit_code: int = 0
    source: str
    source_id: str = ""
    repository: str
    repository_id: str = ""
    snapshots: list[CopiedSnapshot] = Field(default_factory=list)
    manifest_sha256: str = ""
    tool: str
    set_started_at: datetime | None = None
    set_finished_at: datetime | None = None
    set_recorded_at: datetime | None = None
    finished_at: datetime
    duration_seconds: float


class ForeignReceipt(Payload):
    """A backup that another tool took, as it was told of: nobody here saw it, and no data of it came back.

    Attributes:
        tool, repository, label: they name the backup of an application; `label` is the tool's own name of it.
        site: where the repository stands, by the same word; empty when not told.
        size_bytes: of what was backed up.
        source_sha256, source_line: the file it was read from, and where in it.
    """

    kind: ClassVar[str] = "backup.foreign"

    application: str
    tool: str
    repository: str
    label: str
    status: Literal["done", "failed"]
    error: str = ""
    site: str = ""
    started_at: datetime
    finished_at: datetime
    size_bytes: int | None = None
    grade: Literal["reported"] = "reported"
    source_sha256: str
    source_line: int = 0


class ConfigurationsReceipt(Payload):
    """The outcome of one backup of the kept network configurations.

    Attributes:
        revision: of the history that was stored; device_count: how many devices it keeps.
        bundle_snapshot, manifest_snapshot: restic's ids; the bundle is the whole history, for git alone to open.
    """

    kind: ClassVar[str] = "backup.configurations"

    run: str
    status: Literal["done", "failed"]
    error: str = ""
    exit_code: int = 0
    site: str
    repository: str
    repository_id: str = ""
    tool: str
    revision: str = ""
    device_count: int = 0
    bundle_snapshot: str = ""
    bundle_tree: str = ""
    bundle_bytes: int = 0
    manifest_snapshot: str = ""
    manifest_sha256: str = ""
    started_at: datetime
    finished_at: datetime
    duration_seconds: float


KINDS: tuple[type[Payload], ...] = (BackupRetention, BackupCopy, ForeignReceipt, ConfigurationsReceipt)

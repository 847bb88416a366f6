"""Record of a WAL archive that was looked at: server and repository held against each other. Pure."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from dcops.records.kinds.base import Payload


class WalReceipt(Payload):
    """Whether an application's WAL archive can bring back a moment, as seen at one time.

    Attributes:
        status: pass, fail, or unknown (the policy sets no limit); reason: everything that is wrong.
        exposure_seconds: how much work is not archived at worst; None when nothing bounds it.
        last_archived_wal, last_archived_at, failed_count, last_failed_wal, last_failed_at: of pg_stat_archiver.
        wal_min, wal_max: what the repository holds; missing: segments between that are not there (at most 20).
        backups: base backups in the repository; newest_backup: its label, newest_backup_at: its end.
    """

    kind: ClassVar[str] = "backup.wal"

    application: str
    stanza: str
    repository: str
    tool: str = "pgbackrest"
    status: Literal["pass", "fail", "unknown"]
    reason: str
    error: str = ""
    exit_code: int = 0
    exposure_seconds: float | None = None
    last_archived_wal: str = ""
    last_archived_at: datetime | None = None
    failed_count: int = 0
    last_failed_wal: str = ""
    last_failed_at: datetime | None = None
    wal_min: str = ""
    wal_max: str = ""
    missing_count: int = 0
    missing: list[str] = Field(default_factory=list)
    backups: int = 0
    newest_backup: str = ""
    newest_backup_at: datetime | None = None
    oldest_backup_at: datetime | None = None
    seen_at: datetime


KINDS: tuple[type[Payload], ...] = (WalReceipt,)

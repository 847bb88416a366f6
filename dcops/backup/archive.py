"""The use case of WAL archiving: ask server and repository, hold them against each other, write it down."""

from datetime import datetime
from typing import Protocol

from dcops.backup.model import BackupPolicy, WalArchive
from dcops.backup.wal import ArchiverFacts, StanzaInfo, judge_archive, server_problems
from dcops.core.errors import DcopsError, IntegrityFailure
from dcops.records.kinds.backup_wal import WalReceipt

_NAMED = 20


class ArchivingServer(Protocol):
    """The server that archives."""

    def archiver(self) -> ArchiverFacts:
        """Ask how its archiver fares. Raises Unreachable, AuthenticationFailed."""


class WalRepository(Protocol):
    """Where WAL and base backups lie."""

    def info(self) -> StanzaInfo:
        """Give backups and archive of the stanza."""

    def segments(self, archive_id: str) -> tuple[str, ...]:
        """Give the archived WAL segments, sorted."""


def look(
    policy: BackupPolicy, wal: WalArchive, server: ArchivingServer, repository: WalRepository, now: datetime
) -> tuple[WalReceipt, DcopsError | None]:
    """Look at an archive and give what is to be recorded, with the error when one side could not be asked.

    The server is asked first: what it has archived by then must be in the repository afterwards.
    """
    base = WalReceipt(
        application=policy.application,
        stanza=wal.stanza,
        repository=wal.repository,
        status="fail",
        reason="",
        seen_at=now,
    )
    facts: ArchiverFacts | None = None
    try:
        facts = server.archiver()
        info = repository.info()
        segments = repository.segments(info.archive_id)
    except DcopsError as error:
        told = server_problems(facts) if facts else []
        update = {"error": str(error), "exit_code": int(error.exit_code), "reason": "; ".join([*told, error.message])}
        return base.model_copy(update=update | (_of_server(facts) if facts else {})), error
    state = judge_archive(facts, info, segments, wal.max_exposure.value)
    receipt = base.model_copy(
        update={
            "tool": "pgbackrest",
            "status": state.status.value,
            "reason": state.reason,
            "exposure_seconds": state.exposure_seconds,
            **_of_server(facts),
            "wal_min": info.wal_min,
            "wal_max": info.wal_max,
            "missing_count": len(state.missing),
            "missing": list(state.missing[:_NAMED]),
            "backups": len(info.backups),
            "newest_backup": info.backups[-1].label if info.backups else "",
            "newest_backup_at": info.backups[-1].finished_at if info.backups else None,
            "oldest_backup_at": info.backups[0].finished_at if info.backups else None,
        }
    )
    return receipt, IntegrityFailure(state.reason, where=wal.repository) if state.missing else None


def _of_server(facts: ArchiverFacts) -> dict[str, object]:
    """Give what the server told, under the names of the record."""
    return {
        "last_archived_wal": facts.last_archived_wal,
        "last_archived_at": facts.last_archived_at,
        "failed_count": facts.failed_count,
        "last_failed_wal": facts.last_failed_wal,
        "last_failed_at": facts.last_failed_at,
    }

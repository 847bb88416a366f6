"""What pgBackRest and the server tell of a WAL archive, and whether it can bring back a moment. Pure.

Formats: `pgbackrest info --output=json`, `pgbackrest repo-ls --recurse --output=json` (2.45 to 2.55 tried);
pg_stat_archiver (PostgreSQL 12 and later). A segment is named by timeline, log and segment, eight hex digits each.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from dcops.core.errors import ParseError
from dcops.core.units import format_duration
from dcops.core.words import Frozen, Status

_SEGMENT = re.compile(r"(?:^|/)([0-9A-F]{24})-[0-9a-f]{40}(?:\.\w+)?$")
_NAME = re.compile(r"[0-9A-F]{24}(?=$|\.)")
SEGMENT_BYTES = 16 << 20


class BaseBackup(Frozen):
    """One base backup of a stanza; `wal_start` and `wal_stop` are the segments it needs to be consistent."""

    label: str
    kind: str
    wal_start: str
    wal_stop: str
    started_at: datetime
    finished_at: datetime
    size_bytes: int
    is_damaged: bool


class StanzaInfo(Frozen):
    """What the repository holds of one stanza; `archive_id` names the folder of its newest WAL, empty without any."""

    name: str
    version: str = ""
    system_identifier: str = ""
    archive_id: str = ""
    wal_min: str = ""
    wal_max: str = ""
    backups: tuple[BaseBackup, ...] = ()
    message: str = ""


class ArchiverFacts(Frozen):
    """What the server itself knows of its archiver, asked at `asked_at` by its own clock.

    Attributes:
        timeout_seconds: archive_timeout; 0 is none: a segment is then archived when it is full.
        current_wal: the segment that is being written.
    """

    asked_at: datetime
    is_on: bool
    timeout_seconds: float
    segment_bytes: int = SEGMENT_BYTES
    current_wal: str
    archived_count: int = 0
    last_archived_wal: str = ""
    last_archived_at: datetime | None = None
    failed_count: int = 0
    last_failed_wal: str = ""
    last_failed_at: datetime | None = None

    @property
    def last_segment(self) -> str:
        """The newest segment that is known to be archived; empty when the last file was a timeline's history.

        The last file may be the history of a base backup, SEGMENT.OFFSET.backup: it goes after its segment.
        """
        match = _NAME.match(self.last_archived_wal)
        return match.group(0) if match else ""

    @property
    def is_failing(self) -> bool:
        """Whether the last thing the archiver did was to fail."""
        if self.last_failed_at is None:
            return False
        return self.last_archived_at is None or self.last_failed_at > self.last_archived_at


# Any account may ask; the server's own clock goes with it.
ARCHIVER_QUERY = """
SELECT clock_timestamp(), current_setting('archive_mode') <> 'off',
       (SELECT setting::float FROM pg_settings WHERE name = 'archive_timeout'),
       (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size'),
       pg_walfile_name(pg_current_wal_lsn()), archived_count, coalesce(last_archived_wal, ''), last_archived_time,
       failed_count, coalesce(last_failed_wal, ''), last_failed_time
FROM pg_stat_archiver
"""
_COLUMNS = (
    "asked_at", "is_on", "timeout_seconds", "segment_bytes", "current_wal", "archived_count", "last_archived_wal",
    "last_archived_at", "failed_count", "last_failed_wal", "last_failed_at",
)  # fmt: skip


def archiver_facts(row: Sequence[object]) -> ArchiverFacts:
    """Give the facts of the one row that ARCHIVER_QUERY answers."""
    return ArchiverFacts.model_validate(dict(zip(_COLUMNS, row, strict=True)))


class ArchiveState(Frozen):
    """Whether the archive works; `exposure_seconds`: how much work a loss of the server takes along at worst."""

    status: Status
    reason: str
    exposure_seconds: float | None = None
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def parse_info(text: str, stanza: str) -> StanzaInfo:
    """Read `info --output=json`. A stanza that is not there has no backups and a message. Raises ParseError."""
    try:
        found = next((each for each in json.loads(text or "[]") if each["name"] == stanza), None)
        if found is None:
            return StanzaInfo(name=stanza, message="missing stanza path")
        database = found["db"][-1] if found.get("db") else {}
        archive = found["archive"][-1] if found.get("archive") else {}
        return StanzaInfo(
            name=stanza,
            version=str(database.get("version", "")),
            system_identifier=str(database.get("system-id", "")),
            archive_id=archive.get("id", ""),
            wal_min=archive.get("min") or "",
            wal_max=archive.get("max") or "",
            backups=tuple(_backup(each) for each in found.get("backup", ())),
            message=_message(found),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ParseError(f"what pgBackRest tells of {stanza} cannot be read: {error!r}") from error


def _message(found: dict[str, Any]) -> str:
    """Give why a stanza is not well; pgBackRest ends with 0 when its repository does not answer, and says it here."""
    if found["status"]["code"] == 0:
        return ""
    told = next((each["status"]["message"] for each in found.get("repo", ()) if each["status"]["code"]), None)
    return str(told or found["status"]["message"])


def _backup(row: dict[str, object]) -> BaseBackup:
    info: dict[str, dict[str, int]] = row["info"]  # type: ignore[assignment]
    archive: dict[str, str] = row["archive"]  # type: ignore[assignment]
    stamp: dict[str, int] = row["timestamp"]  # type: ignore[assignment]
    return BaseBackup(
        label=str(row["label"]),
        kind=str(row["type"]),
        wal_start=archive["start"],
        wal_stop=archive["stop"],
        started_at=datetime.fromtimestamp(stamp["start"], UTC),
        finished_at=datetime.fromtimestamp(stamp["stop"], UTC),
        size_bytes=int(info["size"]),  # type: ignore[call-overload]
        is_damaged=bool(row.get("error")),
    )


def parse_segments(text: str) -> tuple[str, ...]:
    """Read the segments out of `repo-ls --recurse --output=json`, sorted; other files are passed over."""
    try:
        names = json.loads(text or "{}")
        found = {match.group(1) for name in names if (match := _SEGMENT.search(name))}
    except (ValueError, TypeError) as error:
        raise ParseError("pgBackRest's list of the archive cannot be read") from error
    return tuple(sorted(found))


def number_of(segment: str, segment_bytes: int = SEGMENT_BYTES) -> int:
    """Give the position of a segment in its timeline: segments follow each other by one."""
    return int(segment[8:16], 16) * ((1 << 32) // segment_bytes) + int(segment[16:], 16)


def name_of(timeline: str, number: int, segment_bytes: int = SEGMENT_BYTES) -> str:
    """Give the name of the segment at a position."""
    log, segment = divmod(number, (1 << 32) // segment_bytes)
    return f"{timeline}{log:08X}{segment:08X}"


def missing_segments(
    segments: Iterable[str], backups: Sequence[BaseBackup], segment_bytes: int = SEGMENT_BYTES
) -> tuple[str, ...]:
    """Give the segments that are not there between the first one a backup needs and the last one, by timeline.

    What is older than the oldest backup serves no recovery, so a hole there is none.
    """
    by_timeline: dict[str, set[int]] = {}
    for segment in segments:
        by_timeline.setdefault(segment[:8], set()).add(number_of(segment, segment_bytes))
    needed = [name for each in backups for name in (each.wal_start, each.wal_stop)]
    first = min((number_of(name, segment_bytes) for name in needed), default=None)
    if first is None:
        return ()
    lost = []
    for timeline in sorted({*by_timeline, *(name[:8] for name in needed)}):
        there = {number for number in by_timeline.get(timeline, ()) if number >= first}
        marks = there | {number_of(name, segment_bytes) for name in needed if name.startswith(timeline)}
        if marks:
            wanted = range(min(marks), max(marks) + 1)
            lost += [name_of(timeline, each, segment_bytes) for each in wanted if each not in there]
    return tuple(lost)


def judge_archive(
    facts: ArchiverFacts, info: StanzaInfo, segments: Sequence[str], limit_seconds: float | None
) -> ArchiveState:
    """Hold what the server says against what the repository holds; everything wrong at once, the worst first."""
    missing = missing_segments(segments, info.backups, facts.segment_bytes)
    exposure = exposure_of(facts)
    problems = [*server_problems(facts), *_repository_problems(facts, info, segments, missing)]
    if exposure is not None and limit_seconds is not None and exposure > limit_seconds:
        problems.append(
            f"up to {format_duration(exposure)} of work is not archived, at most {format_duration(limit_seconds)}"
        )
    if problems:
        status, reason = Status.FAIL, "; ".join(problems)
    elif limit_seconds is None or exposure is None:
        status, reason = Status.UNKNOWN, "the policy sets no limit"
    else:
        status = Status.PASS
        newest = info.backups[-1]
        reason = (
            f"archived to {facts.last_archived_wal}, base {newest.label}, at most {format_duration(exposure)} is lost"
        )
    return ArchiveState(
        status=status, reason=reason, exposure_seconds=exposure, problems=tuple(problems), missing=missing
    )


def exposure_of(facts: ArchiverFacts) -> float | None:
    """Give how much work is not archived at worst; None when nothing bounds it.

    While every full segment is archived, what is not is younger than archive_timeout. Else it may be as old as the
    last segment that was.
    """
    if not facts.is_on or facts.timeout_seconds <= 0 or facts.last_archived_at is None:
        return None
    if _pending(facts) <= 0 and not facts.is_failing:
        return facts.timeout_seconds
    return max(0.0, (facts.asked_at - facts.last_archived_at).total_seconds()) + facts.timeout_seconds


def _pending(facts: ArchiverFacts) -> int:
    """Give how many full segments of this timeline wait for the archiver."""
    last = facts.last_segment
    if last[:8] != facts.current_wal[:8]:
        return 0
    size = facts.segment_bytes
    return number_of(facts.current_wal, size) - number_of(last, size) - 1


def server_problems(facts: ArchiverFacts) -> list[str]:
    """Give what is wrong by the word of the server alone."""
    if not facts.is_on:
        return ["archive_mode is off: nothing is archived"]
    if facts.is_failing:
        last = (
            f", the last good one at {facts.last_archived_at:%Y-%m-%d %H:%M:%S} UTC" if facts.last_archived_at else ""
        )
        times = f"{facts.failed_count} failures since the statistics began"
        return [f"archiving fails: {facts.last_failed_wal} could not be archived ({times}{last})"]
    if facts.last_archived_at is None:
        return ["nothing was archived yet"]
    if facts.timeout_seconds <= 0:
        return ["archive_timeout is 0: a quiet database archives nothing until a segment is full"]
    return []


def _repository_problems(
    facts: ArchiverFacts, info: StanzaInfo, segments: Sequence[str], missing: Sequence[str]
) -> list[str]:
    problems = []
    if not info.backups:
        said = f" (pgBackRest: {info.message})" if info.message else ""
        problems.append(f"no base backup: archived WAL alone restores nothing{said}")
    elif info.backups[-1].is_damaged:
        problems.append(f"base backup {info.backups[-1].label} has damaged pages")
    if missing:
        problems.append(f"{len(missing)} WAL segments are missing in the archive, first {missing[0]}")
    last = facts.last_segment
    if info.backups and last and last[:8] != info.backups[-1].wal_stop[:8]:
        problems.append(f"no base backup since the server was promoted (timeline {int(last[:8], 16)}): take one")
    if last and last not in segments:
        problems.append(f"the server says it archived {last}, and the repository does not have it")
    return problems

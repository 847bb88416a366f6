"""Decisions about backups, pure: what speaks against a run, which set is the newest, whether it is fresh enough."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from dcops.backup.model import DumpFacts, Manifest, Saved, Snapshot, StoredFile
from dcops.core.errors import DcopsError, PolicyBroken, Refused
from dcops.core.units import format_duration
from dcops.core.words import Frozen, Status, Value

MAX_CLOCK_OFFSET_SECONDS = 5.0
SHRUNK_RATIO = 0.5

PART_DUMP, PART_FILES, PART_MANIFEST = "dump", "files", "manifest"


def tags_of(application: str, run: str, part: str) -> tuple[str, ...]:
    """Give the tags that let a set be found again in the repository."""
    return f"app={application}", f"run={run}", f"part={part}"


def check_clock(facts: DumpFacts) -> None:
    """Raise PolicyBroken when the database clock and ours differ too much to measure a recovery point."""
    if abs(facts.clock_offset_seconds) > MAX_CLOCK_OFFSET_SECONDS:
        raise PolicyBroken(
            f"the database clock is off by {facts.clock_offset_seconds:+.1f} s",
            where=facts.database,
            hint="Mend the time service first: recovery points could not be trusted.",
        )


def check_identity(found: str, enrolled: str | None, where: str) -> None:
    """Raise Refused when the repository is not the one enrolled under this name; None enrolls on first use."""
    if enrolled is not None and found != enrolled:
        raise Refused(
            f"the repository has id {found[:12]}, enrolled is {enrolled[:12]}",
            where=where,
            hint="Somebody replaced it, or the address is wrong. Nothing was written.",
        )


def missing_files(facts: DumpFacts, files: Sequence[StoredFile]) -> tuple[str, ...]:
    """Give the SHA-256 of files that rows in the dump name and the file copy lacks, sorted."""
    return tuple(sorted(set(facts.referenced) - {file.sha256 for file in files}))


def newest_manifest(snapshots: Iterable[Snapshot], application: str, run: str | None = None) -> Snapshot | None:
    """Give the newest snapshot that completes a set of `application` (of `run`, if named), or None."""
    complete = [
        snapshot
        for snapshot in snapshots
        if snapshot.tag("part") == PART_MANIFEST
        and snapshot.tag("app") == application
        and (run is None or (snapshot.tag("run") or "").endswith(run))
    ]
    return max(complete, key=lambda snapshot: snapshot.time, default=None)


def settled(saved: Saved, listed: Iterable[Snapshot], where: str) -> Saved:
    """Give what was saved with its whole id and tree from the repository's list; restic before 0.15 names a short id.

    Raises DcopsError when the list does not hold it exactly once.
    """
    found = [snapshot for snapshot in listed if snapshot.id.startswith(saved.snapshot)]
    if len(found) != 1:
        raise DcopsError(f"the snapshot {saved.snapshot[:8]} just saved is not in the list", where=where)
    return saved.model_copy(update={"snapshot": found[0].id, "tree": found[0].tree})


class Freshness(Frozen):
    """How old the newest receipt of an application is, against its policy, and in which journal it stands."""

    application: str
    status: Status
    age_seconds: float | None
    max_age_seconds: float | None
    is_adopted: bool
    reason: str
    journal: str = ""
    problems: tuple[str, ...] = ()


def freshness(application: str, newest: datetime | None, max_age: Value[float], now: datetime) -> Freshness:
    """Judge the newest receipt; without a receipt or a limit the answer is unknown, never pass."""
    age = None if newest is None else (now - newest).total_seconds()
    limit = max_age.value
    standing = "adopted" if max_age.is_adopted else "proposed"
    if age is None:
        status, reason = Status.UNKNOWN, "no receipt in any journal here"
    elif limit is None:
        status, reason = Status.UNKNOWN, "the policy sets no maximum age"
    elif age > limit:
        status, reason = Status.FAIL, f"{format_duration(age)} old, {standing} limit {format_duration(limit)}"
    else:
        status, reason = Status.PASS, f"{format_duration(age)} old, {standing} limit {format_duration(limit)}"
    return Freshness(
        application=application,
        status=status,
        age_seconds=age,
        max_age_seconds=limit,
        is_adopted=max_age.is_adopted,
        reason=reason,
    )


def shrink_warning(size_bytes: int, earlier: Sequence[int]) -> str | None:
    """Give a warning when a dump is less than half the median of the earlier ones, else None."""
    if not earlier:
        return None
    median = sorted(earlier[-7:])[len(earlier[-7:]) // 2]
    if size_bytes < SHRUNK_RATIO * median:
        return f"the dump has {size_bytes} bytes, the median of the last {len(earlier[-7:])} is {median}"
    return None


def refuse_small(size_bytes: int, minimum: int, where: str) -> None:
    """Raise PolicyBroken when a dump is smaller than the policy allows."""
    if size_bytes < minimum:
        raise PolicyBroken(f"the dump has {size_bytes} bytes, the policy asks for {minimum}", where=where)


def compare_restored(manifest: Manifest, dump_sha256: str, files: Mapping[str, str]) -> None:
    """Raise DcopsError when restored data is not what the manifest lists.

    Args:
        dump_sha256: of the restored dump.
        files: name -> SHA-256 of its content, for every restored file.
    """
    where = f"set {manifest.run}"
    if dump_sha256 != manifest.dump_sha256:
        raise DcopsError("the restored dump is not the one that was stored", where=where)
    wrong = sorted(name for name, digest in files.items() if name != digest)
    lost = sorted({file.sha256 for file in manifest.files} - set(files))
    if wrong or lost:
        raise DcopsError(f"restored files: {len(wrong)} differ, {len(lost)} are missing", where=where)

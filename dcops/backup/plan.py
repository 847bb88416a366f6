"""Decisions about backups, pure: what speaks against a run, which set is the newest, whether it is fresh enough."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from dcops.backup.model import DumpFacts, Invariant, Manifest, RestoredFacts, Saved, Snapshot, StoredFile
from dcops.core.errors import DcopsError, IntegrityFailure, PolicyBroken, Refused
from dcops.core.units import format_duration
from dcops.core.words import Frozen, Status, Value
from dcops.records.kinds.backup import Receipt

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
    """How old the newest receipt of an application is, against its policy, and in which journal it stands.

    Attributes:
        told_by: the tool that told of it, empty for our own.
        grade: how far it is proved: reported < restored (data came back) < drilled (a drill passed on it).
    """

    application: str
    status: Status
    age_seconds: float | None
    max_age_seconds: float | None
    is_adopted: bool
    reason: str
    journal: str = ""
    problems: tuple[str, ...] = ()
    told_by: str = ""
    grade: str = ""


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
    """Raise IntegrityFailure when restored data is not what the manifest lists.

    Args:
        dump_sha256: of the restored dump.
        files: name -> SHA-256 of its content, for every restored file.
    """
    compare_dump(manifest, dump_sha256)
    compare_files(manifest, manifest.files, files)


def compare_dump(manifest: Manifest, dump_sha256: str) -> None:
    """Raise IntegrityFailure when a restored dump is not the one the manifest names."""
    if dump_sha256 != manifest.dump_sha256:
        raise IntegrityFailure("the restored dump is not the one that was stored", where=f"set {manifest.run}")


def compare_files(manifest: Manifest, wanted: Sequence[StoredFile], files: Mapping[str, str]) -> None:
    """Raise IntegrityFailure when a restored file is not what its name says, or one of `wanted` is missing."""
    wrong = sorted(name for name, digest in files.items() if name != digest)
    lost = sorted({file.sha256 for file in wanted} - set(files))
    if wrong or lost:
        first = f", first {(wrong or lost)[0][:16]}"
        message = f"restored files: {len(wrong)} differ, {len(lost)} are missing{first}"
        raise IntegrityFailure(message, where=f"set {manifest.run}")


def compare_facts(manifest: Manifest, found: RestoredFacts) -> None:
    """Raise IntegrityFailure when a restored database does not hold what the dumped snapshot held; tables are named."""
    wanted = manifest.facts
    differ = [
        f"{table} has {found.rows.get(table, 'no')} rows, the manifest says {wanted.rows.get(table, 'no')}"
        for table in sorted({*wanted.rows, *found.rows})
        if found.rows.get(table) != wanted.rows.get(table)
    ]
    if found.newest != wanted.newest:
        differ.append(f"the newest row is of {found.newest}, the manifest says {wanted.newest}")
    if set(found.referenced) != set(wanted.referenced):
        differ.append(f"rows name {len(found.referenced)} files, the manifest says {len(wanted.referenced)}")
    if differ:
        raise IntegrityFailure(f"the restored database differs: {'; '.join(differ)}", where=f"set {manifest.run}")


def compare_receipt(manifest: Manifest, receipts: Iterable[Receipt]) -> bool:
    """Tell whether a receipt of the set is known here.

    Raises IntegrityFailure when one is known and the manifest in the repository is not the one it was written for.
    """
    known = [each for each in receipts if each.run == manifest.run and each.status == "done"]
    if any(each.manifest_sha256 != manifest.digest() for each in known):
        hint = "Somebody changed the repository: compare with another copy before trusting this one."
        raise IntegrityFailure("the manifest is not the one the receipt names", where=f"set {manifest.run}", hint=hint)
    return bool(known)


def sample_files(files: Sequence[StoredFile], count: int, seed: str) -> tuple[StoredFile, ...]:
    """Give `count` files (all, when there are no more), sorted; the same seed gives the same files, another others."""

    def rank(file: StoredFile) -> str:
        return hashlib.sha256(f"{seed}:{file.sha256}".encode()).hexdigest()

    return tuple(sorted(sorted(files, key=rank)[:count], key=lambda file: file.sha256))


def does_hold(invariant: Invariant, found: object) -> bool:
    """Tell whether a statement gave what is expected; true is no 1, and no row and NULL are nothing."""
    if isinstance(found, bool) or isinstance(invariant.expect, bool):
        return found is invariant.expect
    return isinstance(found, int | float | Decimal) and found == invariant.expect

"""Decides 3-2-1-1-0 of one application from facts: how many copies, on what, where, deletable by whom, tested. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from dcops.backup.due import Exposure
from dcops.core.units import format_duration
from dcops.core.words import Frozen, Status


class Verdict(StrEnum):
    """What is known of one line: `declared` holds by the word of the inventory alone, nobody observed it."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"
    DECLARED = "declared"


class Role(StrEnum):
    """What a place holds; a replica repeats every mistake of its primary at once, so it is no copy."""

    PRODUCTION = "production"
    REPLICA = "replica"
    BACKUP = "backup"


class Place(Frozen):
    """Where data lies. None is unknown, never "the same as elsewhere".

    Attributes:
        machine: machine-id where observed, else the device's name; filesystem: its id on that machine.
        is_observed: seen on the machine itself, and not only written in the inventory.
        shown_by: the record (journal, sequence, kind) or the inventory entry that says so.
    """

    site: str | None = None
    machine: str | None = None
    filesystem: str | None = None
    is_observed: bool = False
    shown_by: str


class Copy(Frozen):
    """One place that holds the data of an application.

    Attributes:
        taken_at: end of the newest complete backup there; None for production, or when no receipt is known.
        shown_by: what shows that the copy exists.
        destroyers: credentials of the production domain that could delete it; None when custody is not written down.
        custody_shown_by: the inventory entry that says who could.
        tested_at: newest passing verification that brought data back and compared it; None when there was none.
        tested_by: the record of it.
        is_reported: another tool told of it and nobody here saw it; it holds by that word until data came back.
    """

    name: str
    role: Role
    place: Place
    taken_at: datetime | None = None
    shown_by: str
    destroyers: tuple[str, ...] | None = None
    custody_shown_by: str = ""
    tested_at: datetime | None = None
    tested_by: str = ""
    is_reported: bool = False


class Limits(Frozen):
    """What the policy asks for, numbers of places and ages in seconds; None where nobody set one."""

    copies: int | None = 3
    media: int | None = 2
    off_site: int | None = 1
    append_only: int | None = 1
    copy_age_seconds: float | None = None
    test_age_seconds: float | None = None


class Line(Frozen):
    """One rule, what is known of it, why, and what shows it."""

    rule: str
    verdict: Verdict
    reason: str
    shown_by: tuple[str, ...] = ()

    @property
    def is_broken(self) -> bool:
        """True when the line fails or is unknown: both break the policy of a hosted application."""
        return self.verdict in (Verdict.FAIL, Verdict.UNKNOWN)


def judge(copies: Sequence[Copy], exposure: Exposure, limits: Limits, now: datetime) -> tuple[Line, ...]:
    """Give the seven lines of one hosted application, in the order 3, 2, 1, 1, 0, RPO, freshness.

    Args:
        copies: production, replicas and every repository of the policy, also those that hold nothing yet.
        exposure: the schedule against the recovery point objective.
    """
    held = _held(copies, now)
    backups = [each for each in held if each.role is Role.BACKUP]
    # Its receipt may lie in a journal that was not handed over: such a copy is neither there nor absent.
    unseen = [each for each in copies if each.role is Role.BACKUP and each.taken_at is None]
    return (
        _unless_unseen(_copies(copies, held, limits.copies), unseen, needs=(limits.copies or 0) - len(held)),
        _unless_unseen(_media(held, limits.media), unseen),
        _unless_unseen(_off_site(held, backups, limits.off_site), unseen),
        _unless_unseen(_append_only(backups, limits.append_only), unseen),
        _unless_unseen(_untested(backups, limits.test_age_seconds, now), [] if backups else unseen),
        _objective(exposure),
        _freshness(copies, limits.copy_age_seconds, now),
    )


def _held(copies: Iterable[Copy], now: datetime) -> list[Copy]:
    """Give what counts: production, and each backup with a receipt that does not lie in the future."""
    return [
        each
        for each in copies
        if each.role is Role.PRODUCTION
        or (each.role is Role.BACKUP and each.taken_at is not None and each.taken_at <= now)
    ]


def _unless_unseen(line: Line, unseen: Sequence[Copy], needs: int = 1) -> Line:
    """Turn a failure into unknown where copies without a receipt here, at least `needs`, could make it good."""
    if line.verdict is not Verdict.FAIL or not unseen or len(unseen) < needs:
        return line
    reason = f"{line.reason}; no receipt is known here of {_names(unseen)}"
    return line.model_copy(update={"verdict": Verdict.UNKNOWN, "reason": reason})


def _unset(rule: str) -> Line:
    return Line(rule=rule, verdict=Verdict.UNKNOWN, reason="the policy sets no number")


def _copies(copies: Sequence[Copy], held: Sequence[Copy], wanted: int | None) -> Line:
    if wanted is None:
        return _unset("copies")
    names = ", ".join(each.name for each in held) or "none"
    reason = f"{len(held)} of {wanted}: {names}"
    replicas = [each.name for each in copies if each.role is Role.REPLICA]
    if replicas:
        reason += f"; no copy, being a replica: {', '.join(replicas)}"
    told = [each.name for each in held if each.is_reported]
    if told:
        reason += f"; only told of by another tool: {', '.join(told)}"
    seen = Verdict.OK if len(held) - len(told) >= wanted else Verdict.DECLARED
    verdict = seen if len(held) >= wanted else Verdict.FAIL
    return Line(rule=f"{wanted} copies", verdict=verdict, reason=reason, shown_by=tuple(each.shown_by for each in held))


def _media(held: Sequence[Copy], wanted: int | None) -> Line:
    """Count file systems: two repositories on one file system are lost together."""
    # A machine is another medium whatever its file systems are called; on one machine the file systems must differ.
    known = sorted(
        (each for each in held if each.place.machine),
        key=lambda each: (each.place.machine, each.place.filesystem or ""),
    )
    media: list[Copy] = []
    for _, group in groupby(known, key=lambda each: each.place.machine):
        on_machine = list(group)
        systems = {each.place.filesystem: each for each in on_machine if each.place.filesystem}
        media += systems.values() or on_machine[:1]
    return _count("media", wanted, media, is_all_known=all(_has_medium(each, held) for each in held))


def _has_medium(copy: Copy, held: Sequence[Copy]) -> bool:
    if copy.place.machine is None:
        return False
    is_alone = sum(each.place.machine == copy.place.machine for each in held) == 1
    return is_alone or copy.place.filesystem is not None


def _off_site(held: Sequence[Copy], backups: Sequence[Copy], wanted: int | None) -> Line:
    sites = {each.place.site for each in held if each.role is Role.PRODUCTION}
    if None in sites or not sites:
        rule = "off-site" if wanted is None else f"{wanted} off-site"
        return Line(rule=rule, verdict=Verdict.UNKNOWN, reason="the site of production is not known")
    away = [each for each in backups if each.place.site and each.place.site not in sites]
    return _count("off-site", wanted, away, is_all_known=all(each.place.site for each in backups))


def _count(what: str, wanted: int | None, found: Sequence[Copy], *, is_all_known: bool) -> Line:
    """Judge a number of places: enough observed is ok, enough with declared ones is declared, else fail or unknown."""
    if wanted is None:
        return _unset(what)
    rule = f"{wanted} {what}"
    observed = sum(each.place.is_observed for each in found)
    names = ", ".join(f"{each.name} ({each.place.site or each.place.machine})" for each in found) or "none"
    reason = f"{len(found)} of {wanted}: {names}"
    if len(found) >= wanted:
        verdict = Verdict.OK if observed >= wanted else Verdict.DECLARED
    elif is_all_known:
        verdict = Verdict.FAIL
    else:
        verdict, reason = Verdict.UNKNOWN, f"{reason}; of others the place is not known"
    return Line(rule=rule, verdict=verdict, reason=reason, shown_by=tuple(each.place.shown_by for each in found))


def _append_only(backups: Sequence[Copy], wanted: int | None) -> Line:
    if wanted is None:
        return _unset("append-only")
    safe = [each for each in backups if each.destroyers == ()]
    shown_by = tuple(each.custody_shown_by for each in safe)
    rule = f"{wanted} append-only"
    if len(safe) >= wanted:
        reason = f"{len(safe)} of {wanted}: no credential of production can delete {_names(safe)}"
        return Line(rule=rule, verdict=Verdict.OK, reason=reason, shown_by=shown_by)
    dark = [each for each in backups if each.destroyers is None]
    if dark:
        reason = f"credentials.yml does not say who could delete {_names(dark)}"
        return Line(rule=rule, verdict=Verdict.UNKNOWN, reason=reason)
    deletable = [f"{', '.join(each.destroyers or ())} could delete {each.name}" for each in backups]
    return Line(
        rule=rule,
        verdict=Verdict.FAIL,
        reason="; ".join(deletable) or "there is no backup",
        shown_by=tuple(each.custody_shown_by for each in backups),
    )


def _untested(backups: Sequence[Copy], limit: float | None, now: datetime) -> Line:
    rule = "0 untested"
    if not backups:
        return Line(rule=rule, verdict=Verdict.FAIL, reason="there is no backup to test")
    reasons = [reason for each in backups if (reason := _why_untested(each, limit, now))]
    shown_by = tuple(each.tested_by for each in backups if each.tested_by)
    if reasons:
        return Line(rule=rule, verdict=Verdict.FAIL, reason="; ".join(reasons), shown_by=shown_by)
    oldest = max((now - each.tested_at).total_seconds() for each in backups if each.tested_at)
    reason = f"data came back and was equal, {format_duration(oldest)} ago: {_names(backups)}"
    if limit is None:
        reason = f"{reason}; no age of a restore test is set"
        return Line(rule=rule, verdict=Verdict.UNKNOWN, reason=reason, shown_by=shown_by)
    return Line(rule=rule, verdict=Verdict.OK, reason=reason, shown_by=shown_by)


def _why_untested(copy: Copy, limit: float | None, now: datetime) -> str:
    if copy.tested_at is None:
        return f"{copy.name} was never restored"
    age = (now - copy.tested_at).total_seconds()
    if age < 0:
        return f"the test of {copy.name} is dated {format_duration(-age)} in the future"
    if limit is not None and age > limit:
        return f"{copy.name} was last restored {format_duration(age)} ago, limit {format_duration(limit)}"
    return ""


_OF_STATUS: dict[Status, Verdict] = {
    Status.PASS: Verdict.OK,
    Status.WARN: Verdict.FAIL,
    Status.FAIL: Verdict.FAIL,
    Status.UNKNOWN: Verdict.UNKNOWN,
}


def _objective(exposure: Exposure) -> Line:
    return Line(rule="RPO", verdict=_OF_STATUS[exposure.status], reason=exposure.reason)


def _freshness(copies: Sequence[Copy], limit: float | None, now: datetime) -> Line:
    """Judge the newest backup; a receipt in the future hides how old the data is, so it breaks the line."""
    taken = [(each.taken_at, each) for each in copies if each.role is Role.BACKUP and each.taken_at is not None]
    rule = "fresh"
    if not taken:
        return Line(rule=rule, verdict=Verdict.UNKNOWN, reason="no receipt of a complete backup is known here")
    when, newest = max(taken, key=lambda pair: pair[0])
    age = (now - when).total_seconds()
    if age < 0:
        verdict, reason = Verdict.FAIL, f"{newest.name} is dated {format_duration(-age)} in the future"
    elif limit is None:
        verdict, reason = Verdict.UNKNOWN, f"newest {format_duration(age)} old; no limit is set"
    else:
        good = Verdict.DECLARED if newest.is_reported else Verdict.OK
        verdict = good if age <= limit else Verdict.FAIL
        reason = f"newest {format_duration(age)} old, limit {format_duration(limit)}"
    return Line(rule=rule, verdict=verdict, reason=reason, shown_by=(newest.shown_by,))


def _names(copies: Iterable[Copy]) -> str:
    return ", ".join(each.name for each in copies)


class Judged(Frozen):
    """One application of the catalogue: its lines where it is hosted here, else only why there are none."""

    application: str
    hosting: str
    note: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def is_broken(self) -> bool:
        """True when a line fails or is unknown."""
        return any(line.is_broken for line in self.lines)


def without_policy(application: str) -> Judged:
    """Judge an application that is hosted here and that no policy speaks of."""
    reason = "hosted here, and nothing backs it up"
    line = Line(rule="a policy", verdict=Verdict.FAIL, reason=reason, shown_by=(f"applications.yml {application}",))
    return Judged(application=application, hosting="hosted", lines=(line,))

"""Decides which snapshots of a repository may go, pure: what keeps a set, what must never go, what nobody vouches for.

Whoever may add snapshots chooses their times. With rules by the calendar alone a stranger could push every good set out
by one worse set in each hour, day and month; so keep-within comes first, sets count by their receipt and not by what
the repository says of itself, and the last verified sets stay whatever the calendar says (restic#22057, #5041).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from dcops.backup.doubts import LONGEST_RUN, Doubt, Known, doubts_of
from dcops.backup.model import Snapshot
from dcops.backup.vouchers import Vouchers
from dcops.core.units import format_duration
from dcops.core.words import Frozen


class Rules(Frozen):
    """What keeps the sets of one application; None and 0 are rules that nobody set, and keep nothing.

    Attributes:
        keep_within_seconds: counted back from the newest set, so that a stopped schedule ages nothing out.
        minimum_verified: the newest verified sets that stay; None forbids to forget anything.
        hourly ... yearly: of the newest so many hours, days, ISO weeks, months, years (UTC) the newest set of each.
    """

    keep_within_seconds: float | None = None
    minimum_verified: int | None = None
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    @property
    def keeps_something(self) -> bool:
        """True when a rule was set beside the verified minimum."""
        calendar = self.hourly + self.daily + self.weekly + self.monthly + self.yearly
        return self.keep_within_seconds is not None or calendar > 0


class Group(Frozen):
    """The snapshots of one run and what becomes of them.

    Attributes:
        is_complete: a receipt says the set is whole, and every part of it is there.
        at: end of the run by its receipt; of what has none, the time of its newest snapshot.
        snapshots: whole ids, the manifest's first: a set that is half forgotten must not look complete.
        reasons: what keeps it; empty when it goes.
    """

    application: str
    run: str
    at: datetime
    is_complete: bool
    is_verified: bool = False
    snapshots: tuple[str, ...]
    reasons: tuple[str, ...] = ()


class Decision(Frozen):
    """What stays, what goes, and what is in doubt; with a doubt nothing may be touched at all."""

    keep: tuple[Group, ...] = ()
    forget: tuple[Group, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The snapshots to forget, none when anything is in doubt."""
        return () if self.doubts else tuple(each for group in self.forget for each in group.snapshots)


def decide(snapshots: Iterable[Snapshot], known: Known, rules: Mapping[str, Rules], now: datetime) -> Decision:
    """Decide about every snapshot of a repository; the order of the arguments' elements changes nothing.

    Args:
        rules: application -> its rules, for each application that stores here.
    """
    listed = sorted(snapshots, key=lambda each: each.id)
    vouchers = Vouchers(known.vouchers)
    doubts = doubts_of(listed, known, vouchers, frozenset(rules), now)
    groups = _groups(listed, known, vouchers, rules)
    keep: list[Group] = []
    forget: list[Group] = []
    for application in sorted({group.application for group in groups}):
        own = [group for group in groups if group.application == application]
        for group in _judged(own, rules[application], known.until):
            (keep if group.reasons else forget).append(group)
    return Decision(keep=tuple(keep), forget=tuple(forget), doubts=doubts)


def _groups(listed: Sequence[Snapshot], known: Known, vouchers: Vouchers, rules: Mapping[str, Rules]) -> list[Group]:
    """Gather the snapshots by the application and run in their tags, newest group first."""
    found: dict[tuple[str, str], list[Snapshot]] = {}
    for snapshot in listed:
        application, run = snapshot.tag("app") or "", snapshot.tag("run") or ""
        if application in rules and run:
            found.setdefault((application, run), []).append(snapshot)
    groups = [_group(*key, parts, known, vouchers) for key, parts in found.items()]
    return sorted(groups, key=lambda group: (group.at, group.run), reverse=True)


def _group(application: str, run: str, parts: Sequence[Snapshot], known: Known, vouchers: Vouchers) -> Group:
    whole = next((each for each in vouchers.of_run(run) if each.is_complete and each.application == application), None)
    is_complete = whole is not None and len(parts) == len(whole.snapshots)
    is_complete = is_complete and all(any(v is whole for _, v in vouchers.naming(each)) for each in parts)
    ordered = sorted(parts, key=lambda each: (each.tag("part") != "manifest", each.id))
    return Group(
        application=application,
        run=run,
        at=whole.finished_at if whole else max(each.time for each in parts),
        is_complete=is_complete,
        is_verified=is_complete and (application, run) in known.verified,
        snapshots=tuple(each.id for each in ordered),
    )


def _judged(groups: Sequence[Group], rules: Rules, until: datetime) -> list[Group]:
    """Give the groups of one application, newest first, each with what keeps it; `until`: how far the journals tell."""
    sets = [group for group in groups if group.is_complete]
    reasons: dict[str, list[str]] = {group.run: [] for group in groups}
    stop = _why_nothing_may_go(sets, rules)
    for group in groups:
        if stop:
            reasons[group.run].append(stop)
        elif _is_within(group, sets, rules):
            reasons[group.run].append(f"within {format_duration(rules.keep_within_seconds or 0)} of the newest")
        elif not group.is_complete and group.at > until - LONGEST_RUN:
            reasons[group.run].append("its run may be at work")
    if sets:
        reasons[sets[0].run].insert(0, "the newest")
    for name, count, bucket in _calendar(rules):
        for group in _newest_of_each(sets, count, bucket):
            reasons[group.run].append(name)
    verified = [group for group in sets if group.is_verified]
    for number, group in enumerate(verified[: rules.minimum_verified or 0], 1):
        reasons[group.run].append(f"verified, {number} of {rules.minimum_verified}")
    return [group.model_copy(update={"reasons": tuple(reasons[group.run])}) for group in groups]


def _why_nothing_may_go(sets: Sequence[Group], rules: Rules) -> str:
    """Give why every group of an application stays, or nothing."""
    verified = sum(group.is_verified for group in sets)
    if rules.minimum_verified is None:
        return "the policy sets no minimum of verified sets"
    if not rules.keeps_something:
        return "the policy sets no rule of what to keep"
    if verified < rules.minimum_verified:
        return f"only {verified} of at least {rules.minimum_verified} sets are verified"
    return "" if sets else "there is no complete set"


def _is_within(group: Group, sets: Sequence[Group], rules: Rules) -> bool:
    within = rules.keep_within_seconds
    return within is not None and group.at >= sets[0].at - timedelta(seconds=within)


_Bucket = Callable[[datetime], object]


def _calendar(rules: Rules) -> Iterable[tuple[str, int, _Bucket]]:
    yield "hourly", rules.hourly, lambda at: (at.date(), at.hour)
    yield "daily", rules.daily, lambda at: at.date()
    yield "weekly", rules.weekly, lambda at: at.isocalendar()[:2]
    yield "monthly", rules.monthly, lambda at: (at.year, at.month)
    yield "yearly", rules.yearly, lambda at: at.year


def _newest_of_each(sets: Sequence[Group], count: int, bucket: _Bucket) -> Iterable[Group]:
    """Give the newest set of each of the newest `count` buckets; `sets` newest first."""
    seen: set[object] = set()
    for group in sets:
        key = bucket(group.at)
        if key not in seen and len(seen) < count:
            seen.add(key)
            yield group

"""Who may write: what a site has after each look at its neighbours. Pure; times are seconds of the boot clock."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Times:
    """Seconds: between two looks, how long a renewal is good for, and what is waited beyond that before a take-over."""

    period: float = 0.5
    valid: float = 6.0
    margin: float = 3.0


@dataclass(frozen=True)
class Mine:
    """What this site has: the number of the last grant it claimed, and until when (boot clock) it may write.

    `is_revoked`: given up on purpose; only a grant brings it back. `is_claiming`: granted, but the other site may not
    know of it yet. `is_forced`: people vouched that nobody else writes; it lasts until something outside is seen again.
    `seen`: the highest number of the other site that was seen.
    """

    epoch: int = 0
    until: float = 0.0
    is_revoked: bool = False
    is_claiming: bool = False
    is_forced: bool = False
    seen: int = 0


@dataclass(frozen=True)
class Sight:
    """What the last look showed. Times are of the boot clock; None: never since this agent started.

    `asked_at`: when the other site last asked here. It may see us where we do not see it. `peer_seen`: the highest
    number of ours that it has seen. `witness_since`: since when every look at the witness was answered.
    """

    peer_at: float | None = None
    asked_at: float | None = None
    peer_epoch: int = 0
    peer_seen: int = 0
    peer_is_held: bool = False
    witness_at: float | None = None
    witness_since: float | None = None


def is_held(mine: Mine, at: float) -> bool:
    """Whether the site may write."""
    return not mine.is_revoked and at < mine.until


def is_fresh(moment: float | None, at: float, times: Times) -> bool:
    """Whether a moment is of one of the last three looks."""
    return moment is not None and at - moment <= 3 * times.period


def sees_witness(sight: Sight, at: float, times: Times) -> bool:
    """Whether the witness answers and has done so for three looks: one that comes and goes renews nothing."""
    since = sight.witness_since
    return is_fresh(sight.witness_at, at, times) and since is not None and at - since >= 3 * times.period


def claim(mine: Mine, *, is_home: bool) -> Mine:
    """Give what the site has once it is granted the permit: a number above all seen, even at home, odd away.

    So two grants at the same time never have the same number, and the higher one wins.
    """
    above = max(mine.epoch, mine.seen) + 1
    return Mine(epoch=above + (above % 2 == (1 if is_home else 0)), is_claiming=True, seen=mine.seen)


def step(mine: Mine, sight: Sight, started: float, at: float, times: Times, *, is_home: bool) -> Mine:
    """Give what the site has after a look.

    A permit is lost at once to a higher number, and renewed only while the other site or the witness is seen: a site
    that is alone stops. One that has stopped starts by itself only at home, and only when the other site says that it
    does not write and was granted nothing since. A granted one starts when the other site is known to have stopped.
    """
    mine = replace(mine, seen=max(mine.seen, sight.peer_epoch))
    sees_peer = is_fresh(sight.peer_at, at, times)
    if mine.seen > mine.epoch:
        return replace(mine, until=0.0, is_claiming=False)
    if mine.is_revoked:
        return mine
    renewed = replace(mine, until=at + times.valid, is_claiming=False)
    if mine.is_claiming:
        return mine if why_not_yet(mine, sight, started, at, times) else renewed
    is_outside_seen = sees_peer or sees_witness(sight, at, times)
    if is_held(mine, at):
        if is_outside_seen:
            return replace(renewed, is_forced=False)
        return renewed if mine.is_forced else mine
    return renewed if is_home and sees_peer and not sight.peer_is_held else mine


def why_not_yet(mine: Mine, sight: Sight, started: float, at: float, times: Times) -> str:
    """Give why a site that was granted the permit may not write yet; empty when the other site has surely stopped.

    A site that is seen must have seen the grant, which stops it. A site that is not seen has lost its permit once it
    was alone for longer than a renewal lasts. It is alone while the witness is seen from here and the site is not:
    whoever reaches the witness is reached through it. So the time counts from when both began to be so without a gap.
    """
    if is_fresh(sight.peer_at, at, times):
        if sight.peer_is_held:
            return "the other site holds the permit"
        return "" if sight.peer_seen >= mine.epoch else "the other site has not seen the grant yet"
    if not sees_witness(sight, at, times):
        return "neither the other site nor the witness is seen: it may be this site that is alone"
    known = (sight.peer_at, sight.asked_at, sight.witness_since, started)
    left = max(moment for moment in known if moment is not None) + times.valid + times.margin - at
    return f"the other site's permit may be good for {left:.1f} s more" if left > 0 else ""

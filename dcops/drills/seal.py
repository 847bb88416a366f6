"""What the time stamp of a bundle is worth: against its authority's root, the run's end and the policy's time. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dcops.core.clock import parse_rfc3339
from dcops.core.errors import JournalInvalid
from dcops.drills.bundle import TOKEN, Opened
from dcops.records.timestamp import Stamp, check_issuer, read_answer

# How far the clock of the host that ran the drill may be ahead of the authority's.
CLOCK_SECONDS = 60.0


class SealState(StrEnum):
    """Whether somebody else says when a bundle was there; only `sealed` counts."""

    NONE = "unsealed"
    UNCHECKED = "unchecked"
    LATE = "late"
    SEALED = "sealed"


@dataclass(frozen=True)
class Trust:
    """What a time stamp is held against; it comes on another way than the bundle.

    Attributes:
        certificates: PEM of the authority's root and what lies below it.
        stamp_class: class of the authority as the verifier's inventory has it; empty when it does not say.
    """

    certificates: str
    stamp_class: str = ""


@dataclass(frozen=True)
class Sealed:
    """What was found of a bundle's time stamp; `within_seconds` is the policy's time, None when nobody set one."""

    state: SealState
    at: datetime | None = None
    delay_seconds: float | None = None
    within_seconds: float | None = None

    @property
    def text(self) -> str:
        """One line for people."""
        if self.at is None or self.delay_seconds is None:
            return "unsealed: no time stamp"
        when = f"{self.at:%Y-%m-%d %H:%M:%S} UTC, {self.delay_seconds:.0f} s after the run's end"
        if self.state is SealState.UNCHECKED:
            return f"unsealed: its time stamp, {when}, cannot be checked: no certificate of the authority was given"
        limit = "no policy time is known" if self.within_seconds is None else f"policy time {self.within_seconds:.0f} s"
        return (
            f"{'sealed' if self.state is SealState.SEALED else 'unsealed: its time stamp came late'}: {when}, {limit}"
        )


def judge_seal(opened: Opened, ended: str, trust: Trust | None, within_seconds: float | None) -> Sealed:
    """Return what the time stamp of a bundle is worth.

    Args:
        ended: when the run's result was recorded, RFC 3339.
        trust: None when no certificate of the authority is at hand: then the token stays unchecked.

    Raises JournalInvalid for a token over something else, of another authority, of another class than the verifier's
    inventory says, or from before the run's end, which contradicts the record it covers.
    """
    if not opened.seal.is_stamped:
        return Sealed(SealState.NONE)
    stamp = read_answer(opened.token, opened.stamped, where=TOKEN)
    delay = (stamp.at - parse_rfc3339(ended)).total_seconds()
    if delay < -(CLOCK_SECONDS + stamp.accuracy_seconds):
        raise JournalInvalid(f"the time stamp is from {-delay:.0f} s before the run's end", where=TOKEN)
    if trust is None:
        return Sealed(SealState.UNCHECKED, stamp.at, delay, within_seconds)
    check_issuer(opened.token, opened.stamped, trust.certificates, where=TOKEN)
    if trust.stamp_class not in ("", opened.seal.time_stamp):
        message = f"page one says class {opened.seal.time_stamp}, the inventory says {trust.stamp_class}"
        raise JournalInvalid(message, where=TOKEN)
    return Sealed(_state(stamp, delay, within_seconds), stamp.at, delay, within_seconds)


def _state(stamp: Stamp, delay: float, within_seconds: float | None) -> SealState:
    is_late = within_seconds is not None and delay - stamp.accuracy_seconds > within_seconds
    return SealState.LATE if is_late else SealState.SEALED

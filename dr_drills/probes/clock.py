"""Whether the hosts of a drill tell the same time as the server that measures: a false clock proves nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import Field

from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError
from dcops.core.units import Seconds
from dcops.core.words import Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.parameters import DeviceName

_TRIES = 5


class Clocks(Frozen):
    """Whose clocks, and how far they may be from this server's."""

    devices: Annotated[tuple[DeviceName, ...], Field(min_length=1)]
    within: Annotated[Seconds, Field(gt=0)] = 2.0


class Offset(Frozen):
    """How far a clock is ahead, give or take what the question itself took."""

    seconds: float
    uncertainty: float

    def agrees(self, within: float) -> bool | None:
        """Whether it lies within: surely, surely not, or None when the question took too long to tell."""
        if abs(self.seconds) + self.uncertainty <= within:
            return True
        return False if abs(self.seconds) - self.uncertainty > within else None


def measure(ask: Callable[[], str], now: Callable[[], datetime] = utc_now) -> Offset | None:
    """Give the offset of a clock that `ask` reads (`date +%s.%N`) against ours in mid-question; None for no number."""
    before = now().timestamp()
    told = ask().strip()
    after = now().timestamp()
    try:
        theirs = float(told)
    except ValueError:
        return None
    return Offset(seconds=round(theirs - (before + after) / 2, 4), uncertainty=round(max(0.0, after - before) / 2, 4))


def _agrees(context: DrillContext, parameters: Clocks) -> Finding:
    """Ask each device until its answer is sure; what is off or unsure leaves the drill undecided, never failed."""
    wrong, unsure, offsets = [], [], {}
    for device in parameters.devices:
        found, problem = _of(context, device, parameters.within)
        if found is None:
            unsure.append(f"{device}: {problem}")
            continue
        offsets[device] = found.seconds
        verdict = found.agrees(parameters.within)
        text = f"{device} {found.seconds:+.3f} s (give or take {found.uncertainty:.3f} s)"
        if verdict is False:
            wrong.append(text)
        elif verdict is None:
            unsure.append(text)
    facts = {"clock_offsets_seconds": offsets}
    if wrong:
        detail = f"clocks off by more than {parameters.within:g} s: {', '.join(wrong)}"
        return Finding(is_ok=None, reason="clock_off", detail=detail, facts=facts)
    if unsure:
        return Finding(is_ok=None, reason="clock_unknown", detail=f"not known: {', '.join(unsure)}", facts=facts)
    detail = ", ".join(f"{device} {seconds:+.3f} s" for device, seconds in offsets.items())
    return Finding(is_ok=True, detail=f"clocks agree within {parameters.within:g} s: {detail}", facts=facts)


def _of(context: DrillContext, device: str, within: float) -> tuple[Offset | None, str]:
    """Give the best of a few measurements: the first that is sure, else the one that took least."""
    best, problem = None, "no number"
    for _ in range(_TRIES):
        try:
            found = measure(lambda: context.hosts.run(device, ["date", "+%s.%N"], timeout_seconds=20))
        except DcopsError as error:
            problem = error.message
            continue
        if found is None:
            continue
        if best is None or found.uncertainty < best.uncertainty:
            best = found
        if best.agrees(within) is not None:
            break
    return best, problem


AGREES = Probe("clock.agrees", "The hosts' clocks agree with this server's", Clocks, _agrees, timeout_seconds=180)

"""A second copy of the data is written to only when the first acknowledges nothing any more. Pure.

Two copies that both accept are two histories, and no recovery joins them again. So whatever promotes must wait for a
fence that was shown to hold, or for a declaration that two people signed. The lint asks it of every scenario, and the
engine again before the step: what a later process of the same run takes over may have been written otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dcops.core.errors import Refused
from dcops.drills.graph import chain_of
from dcops.drills.kindinfo import KindInfo
from dcops.drills.model import Drill, Phase, Step, StepResult, StepState

_HINT = "Let it need a step whose probe shows the fence, or declare by declare.signed."


def unfenced(drill: Drill, kinds: Mapping[str, KindInfo]) -> Iterator[tuple[Phase, int, str, str]]:
    """Give phase, index, what is wrong and what to do for each promoting step that waits for no fence."""
    is_declared = any(_is(kinds, step, "permits_promotion") for step in drill.spec.declare)
    for phase, steps in drill.spec.phases():
        for index, step in enumerate(steps):
            if _is(kinds, step, "permits_promotion") and phase is not Phase.DECLARE:
                yield phase, index, f'"{step.uses}" belongs into the phase declare', "Move it there."
            if is_declared or not _is(kinds, step, "promotes"):
                continue
            if not any(_is(kinds, other, "fences") for other in _waited_for(step, steps)):
                yield phase, index, f'"{step.uses}" promotes and waits for no fence', _HINT


def require_fence(
    step: Step, steps: Sequence[Step], results: Iterable[StepResult], kinds: Mapping[str, KindInfo]
) -> None:
    """Raise Refused unless a fence in the step's chain, or a signed declaration, has ended well in this run.

    Args:
        steps: all steps of the step's phase as written, so that a chain is whole also where part of it was done before.
    """
    good = {result.id: result for result in results if result.state is StepState.OK}
    for result in good.values():
        kind = kinds.get(result.uses)
        if result.phase is Phase.DECLARE and kind is not None and kind.permits_promotion:
            return
    if any(each.id in good and _is(kinds, each, "fences") for each in _waited_for(step, steps)):
        return
    message = "there is no proof that the first copy acknowledges nothing any more, nor a declaration two people signed"
    raise Refused(message, where=step.id, hint="Nothing was promoted. " + _HINT)


def _waited_for(step: Step, steps: Sequence[Step]) -> Iterator[Step]:
    chain = chain_of(step, steps)
    return (each for each in steps if each.id in chain)


def _is(kinds: Mapping[str, KindInfo], step: Step, flag: str) -> bool:
    kind = kinds.get(step.uses)
    return kind is not None and bool(getattr(kind, flag))

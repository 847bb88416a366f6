"""What a drill proves: verdict and reasons from steps, figures and targets. Pure."""

from collections.abc import Sequence

from dcops.core.exitcodes import ExitCode
from dcops.core.units import format_duration
from dcops.drills.model import Figures, Phase, Recovered, StepResult, StepState, Target, Verdict

OBSERVER_TOLERANCE_SECONDS = 1.0

_CODES = {
    Verdict.PASS: ExitCode.DONE,
    Verdict.FAIL: ExitCode.DRILL_FAIL,
    Verdict.INCONCLUSIVE: ExitCode.DRILL_INCONCLUSIVE,
    Verdict.REFUSED: ExitCode.DRILL_REFUSED,
    Verdict.ABORTED: ExitCode.DRILL_ABORTED,
}


def conclude(
    results: Sequence[StepResult],
    figures: Figures,
    targets: dict[str, Target],
    *,
    aborted: str = "",
    is_measured: bool = True,
    others: Sequence[Recovered] = (),
) -> tuple[Verdict, tuple[str, ...]]:
    """Give the verdict and why.

    REFUSED before anything was touched; ABORTED when somebody, a probe or the window stopped it; FAIL when recovery did
    not work, a check or a rollback failed, the steady state broke or a target was missed; INCONCLUSIVE when the fault
    was not seen, a check could not decide, a control did not fail as it must, a target is unset, or the observer tells
    another story; else PASS. Without `is_measured` (a tabletop) there are no figures to hold against targets:
    what people and probes answered decides.
    `others` are the drill's other applications, each held against its own objective.
    """
    refused = _bad(results, Phase.GUARDS) + _bad(results, Phase.STEADY_BEFORE)
    if refused:
        return Verdict.REFUSED, tuple(refused)
    if aborted:
        return Verdict.ABORTED, (aborted,)
    failed = _in_state(results, Phase.STEADY_DURING, StepState.FAILED)
    failed += _in_state(results, Phase.RECOVER, StepState.FAILED) + _in_state(results, Phase.VERIFY, StepState.FAILED)
    failed += _missed(figures, targets) + _missed_by(others) if is_measured else []
    failed += _failed_ways_back(results)
    unclear = _bad(results, Phase.INJECT) + _bad(results, Phase.CONTROLS)
    if is_measured:
        failed += _bad(results, Phase.DECLARE)
        unclear += _bad(results, Phase.DETECT)
    else:  # people's answers: one "not done" fails, one that never came leaves it open, in whatever phase it was asked
        for phase in (Phase.DETECT, Phase.DECLARE):
            failed += _in_state(results, phase, StepState.FAILED)
            unclear += _in_state(results, phase, StepState.UNDECIDED)
    for phase in (Phase.STEADY_DURING, Phase.RECOVER, Phase.VERIFY):
        unclear += _in_state(results, phase, StepState.UNDECIDED)
    if is_measured:
        unclear += _unmeasured(figures, targets) + _unmeasured_of(others) + _disagreement(figures)
    if failed:
        return Verdict.FAIL, (*failed, *unclear)
    if unclear:
        return Verdict.INCONCLUSIVE, tuple(unclear)
    return Verdict.PASS, ()


def exit_code(verdict: Verdict, *, is_rolled_back: bool) -> ExitCode:
    """Give the exit code; an incomplete rollback outweighs every verdict."""
    return _CODES[verdict] if is_rolled_back else ExitCode.ROLLBACK_INCOMPLETE


def _failed_ways_back(results: Sequence[StepResult]) -> list[str]:
    """Give a line for each rollback that failed in the end: a recovery that cannot be undone has not shown its worth.

    A later process of the same run may have done what an earlier one could not, so the last result of a step counts.
    """
    last = {each.id: each for each in _of(results, Phase.ROLLBACKS)}
    return [_line(each) for each in last.values() if each.state is StepState.FAILED]


def _of(results: Sequence[StepResult], phase: Phase) -> list[StepResult]:
    return [result for result in results if result.phase is phase]


def _bad(results: Sequence[StepResult], phase: Phase) -> list[str]:
    """Give a line for each step of the phase that did not end well; skipped ones follow from another's failure."""
    return [_line(each) for each in _of(results, phase) if each.state not in (StepState.OK, StepState.SKIPPED)]


def _in_state(results: Sequence[StepResult], phase: Phase, state: StepState) -> list[str]:
    return [_line(each) for each in _of(results, phase) if each.state is state]


def _line(result: StepResult) -> str:
    return f"{result.phase.value} {result.id}: {result.detail or result.reason or result.state.value}"


def _missed(figures: Figures, targets: dict[str, Target]) -> list[str]:
    """Give a line for each target that was missed; the verified recovery decides."""
    found = []
    for name, measured in (("rto", figures.rto_verified_seconds), ("rpo", figures.rpo_seconds)):
        target = targets.get(name)
        if measured is not None and target is not None and target.seconds is not None and measured > target.seconds:
            limit = f"{target.standing} target {format_duration(target.seconds)}"
            found.append(f"{name} {format_duration(measured)} is over the {limit}")
    return found


def _missed_by(others: Sequence[Recovered]) -> list[str]:
    """Give a line for each other application that served again too late."""
    return [
        f"{each.app}: rto {format_duration(each.rto_service_seconds)} is over the {each.target.standing} target "
        f"{format_duration(each.target.seconds)}"
        for each in others
        if each.rto_service_seconds is not None
        and each.target.seconds is not None
        and each.rto_service_seconds > each.target.seconds
    ]


def _unmeasured_of(others: Sequence[Recovered]) -> list[str]:
    found = [f"{each.app}: no rto target is set in the inventory" for each in others if each.target.seconds is None]
    return found + [f"{each.app} was not seen to serve again" for each in others if each.rto_service_seconds is None]


def _unmeasured(figures: Figures, targets: dict[str, Target]) -> list[str]:
    found = [f"no {name} target is set in the inventory" for name, target in targets.items() if target.seconds is None]
    if figures.rto_verified_seconds is None:
        found.append("the recovery time was not measured to its end")
    if figures.rpo_seconds is None and "rpo" in targets:
        found.append("the recovery point was not measured")
    return found


def _disagreement(figures: Figures) -> list[str]:
    """Give what the outside observer tells differently."""
    found = []
    ours, theirs = figures.rto_service_seconds, figures.observer_rto_seconds
    if ours is not None and theirs is None:
        found.append("the outside observer saw no outage that ended")
    elif ours is not None and theirs is not None and abs(ours - theirs) > OBSERVER_TOLERANCE_SECONDS:
        found.append(f"service again after {ours:.2f} s by our probe, {theirs:.2f} s by the outside observer")
    lost, observed = figures.lost_acknowledged, figures.observer_lost_acknowledged
    if lost is not None and observed is not None and lost != observed:
        found.append(f"lost acknowledged letters: {lost} by the database, {observed} by the outside observer")
    return found

"""Decisions of the engine, pure: what must be rolled back, and what a control tampers with."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta

from dcops.core.words import BlastClass, Environment
from dcops.drills.model import TABLETOP, Control, Phase, RecoveryPoint, Step, StepResult, StepState


def started_ids(results: Sequence[StepResult]) -> frozenset[str]:
    """Give the ids of steps that touched or may have touched something: started, whatever became of them."""
    return frozenset(
        result.id
        for result in results
        if result.phase in (Phase.INJECT, Phase.RECOVER) and result.state is not StepState.SKIPPED
    )


def is_executed(results: Sequence[StepResult], drill_type: str = "") -> bool:
    """Say whether anything was recovered or tried to be: a drill refused or stopped before that was not executed.

    A tabletop never is: people said what they would do.
    """
    return drill_type != TABLETOP and any(
        result.phase is Phase.RECOVER and result.state is not StepState.SKIPPED for result in results
    )


def rollbacks_due(steps: Sequence[Step], started: Collection[str], finished: Collection[str]) -> tuple[Step, ...]:
    """Give the rollbacks to run: those that undo a started step or stand alone, less the ones that ended well before.

    Needs on a rollback that is not due are dropped. Without any started step nothing is due: nothing was touched.
    """
    if not started:
        return ()
    due = [step for step in steps if not step.undoes or set(step.undoes) & set(started)]
    left = [step for step in due if step.id not in set(finished)]
    names = {step.id for step in left}
    return tuple(step.model_copy(update={"needs": tuple(n for n in step.needs if n in names)}) for step in left)


def tampered(point: RecoveryPoint, control: Control) -> RecoveryPoint:
    """Give a recovery point that is wrong in the one way the control names."""
    if control.tamper == "one_row_more":
        table = max(point.rows, key=lambda name: (point.rows[name], name))
        return point.model_copy(update={"rows": {**point.rows, table: point.rows[table] + 1}})
    if control.tamper == "dropped_table":  # the data lacks one that was backed up
        return point.model_copy(update={"rows": {**point.rows, "dcops_no_such_table": 1}})
    if control.tamper == "other_application":  # the data has none of those that were backed up
        return point.model_copy(update={"rows": {f"dcops_no_such_{name}": count for name, count in point.rows.items()}})
    if control.tamper == "last_hundredth_gone":  # the data ends before the backup does, and has fewer rows
        newest = (point.newest or point.snapshot_at) + timedelta(seconds=1)
        rows = {name: -(-count * 100 // 99) for name, count in point.rows.items()}
        return point.model_copy(update={"rows": rows, "newest": newest})
    if control.tamper == "newer_than_it_is":
        newest = (point.newest or point.snapshot_at) + timedelta(seconds=1)
        return point.model_copy(update={"newest": newest})
    if not point.files:
        return point
    first = point.files[0]
    wrong = first.model_copy(update={"sha256": ("0" if first.sha256[0] != "0" else "1") + first.sha256[1:]})
    return point.model_copy(update={"files": (wrong, *point.files[1:])})


def beyond(steps: Iterable[Step], blast: Callable[[str], BlastClass], environment: Environment) -> tuple[str, ...]:
    """Name the steps that may not run in `environment`: destroying ones nowhere, disrupting ones only in a rehearsal.

    A drill that disrupts production needs an order signed by two people; until there are such orders it is refused.
    """
    widest = BlastClass.DISRUPT if environment.is_rehearsal else BlastClass.CHANGE
    wide = ((step, blast(step.uses)) for step in steps)
    return tuple(f"{step.id} ({step.uses}: {each.name.lower()})" for step, each in wide if each > widest)

"""The order of recovery: an application serves only after everything of the drill that it depends on. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dcops.drills.graph import chain_of
from dcops.drills.model import Drill, MarkName, Step


def serving_steps(drill: Drill) -> Mapping[str, tuple[Step, ...]]:
    """Give the recover steps by which each application of the drill is seen to serve, marked t_service."""
    scope = drill.spec.scope
    return {
        app: tuple(
            step
            for step in drill.spec.recover
            if step.mark is MarkName.SERVICE and (step.app or scope.app) == app
        )
        for app in (scope.app, *scope.also)
    }  # fmt: skip


def out_of_order(drill: Drill, dependencies: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, str, str]]:
    """Give (index of the recover step, what is wrong, what to do) for each application that does not wait for another.

    Args:
        dependencies: application -> those it needs, all of the inventory; only those of the drill are held against it.
    """
    steps, serving = drill.spec.recover, serving_steps(drill)
    for app, own in serving.items():
        for needed in _needed(app, dependencies, serving):
            before = {step.id for step in serving[needed]}
            for step in own:
                if not before <= chain_of(step, steps):
                    message = f'"{step.id}" serves {app} and does not wait for {needed}, which it depends on'
                    yield steps.index(step), message, f"Let it need {', '.join(sorted(before))}."


def unserved(drill: Drill) -> tuple[str, ...]:
    """Name the applications of the drill that no recover step is seen to serve."""
    return tuple(app for app, steps in serving_steps(drill).items() if not steps and app in drill.spec.scope.also)


def _needed(app: str, dependencies: Mapping[str, Sequence[str]], among: Iterable[str]) -> tuple[str, ...]:
    """Give what `app` needs, near and far, as far as the drill recovers it; itself left out."""
    seen: list[str] = []
    waiting = list(dependencies.get(app, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen and name != app:
            seen.append(name)
            waiting.extend(dependencies.get(name, ()))
    return tuple(name for name in among if name in seen)

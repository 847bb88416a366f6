"""The order of steps that need each other. Pure."""

from collections.abc import Collection, Mapping, Sequence

from dcops.drills.model import Step


def ready_steps(steps: Sequence[Step], done: Collection[str], begun: Collection[str]) -> tuple[Step, ...]:
    """Give the steps that may start now: not begun, and everything they need has ended well; in file order."""
    return tuple(step for step in steps if step.id not in begun and set(step.needs) <= set(done))


def cycle_of(steps: Sequence[Step]) -> tuple[str, ...]:
    """Give one circle of `needs` as a closed walk of ids, or nothing."""
    needs = {step.id: [word for word in step.needs] for step in steps}
    state: dict[str, int] = {}
    path: list[str] = []

    def walk(name: str) -> tuple[str, ...]:
        state[name] = 1
        path.append(name)
        for other in needs.get(name, []):
            if state.get(other) == 1:
                return (*path[path.index(other) :], other)
            if other in needs and other not in state:
                found = walk(other)
                if found:
                    return found
        path.pop()
        state[name] = 2
        return ()

    for name in needs:
        if name not in state:
            found = walk(name)
            if found:
                return found
    return ()


def chain_of(step: Step, steps: Sequence[Step]) -> frozenset[str]:
    """Give the ids of everything that must have ended well before `step`, directly or through others."""
    by_id = {each.id: each for each in steps}
    found: set[str] = set()
    left = list(step.needs)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += by_id[name].needs if name in by_id else ()
    return frozenset(found)


def waves(steps: Sequence[Step]) -> tuple[tuple[Step, ...], ...]:
    """Give the steps in waves: each needs only what stands in earlier ones. For showing; the engine does not wait."""
    done: list[str] = []
    found: list[tuple[Step, ...]] = []
    while len(done) < len(steps):
        wave = ready_steps(steps, done, done)
        if not wave:
            break
        found.append(wave)
        done += [step.id for step in wave]
    return tuple(found)


def blocked(steps: Sequence[Step], failed: Collection[str]) -> Mapping[str, str]:
    """Give step -> the failed step it waits for, directly or through others."""
    found: dict[str, str] = {}
    changed = True
    while changed:
        changed = False
        for step in steps:
            cause = next((n for n in step.needs if n in failed or n in found), None)
            if cause is not None and step.id not in found:
                found[step.id] = found.get(cause, cause)
                changed = True
    return found

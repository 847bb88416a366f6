"""The scenarios people write, as models; every problem at once, each with its line. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from dcops.core.errors import Problem
from dcops.core.text import did_you_mean
from dcops.core.words import BlastClass
from dcops.drills.graph import cycle_of
from dcops.drills.kindinfo import KindInfo
from dcops.drills.model import TABLETOP, Drill, Phase, Step
from dcops.drills.order import out_of_order, unserved
from dcops.drills.promotion import unfenced
from dcops.drills.scratch import leaves_scratch, placed

Keys = tuple[str | int, ...]
Locate = Callable[[Keys], int]

_WHERE: dict[Phase, Keys] = {
    Phase.GUARDS: ("spec", "guards"),
    Phase.STEADY_BEFORE: ("spec", "steady_state"),
    Phase.INJECT: ("spec", "inject"),
    Phase.DETECT: ("spec", "detect"),
    Phase.DECLARE: ("spec", "declare"),
    Phase.RECOVER: ("spec", "recover"),
    Phase.VERIFY: ("spec", "verify"),
    Phase.CONTROLS: ("spec", "controls"),
    Phase.ROLLBACKS: ("spec", "rollbacks", "steps"),
}
_PROBES_ONLY = frozenset({Phase.GUARDS, Phase.STEADY_BEFORE, Phase.DETECT, Phase.VERIFY})
_FAULTS_ALLOWED = frozenset({Phase.INJECT, Phase.ROLLBACKS})
_NEVER_WAIT = frozenset({Phase.GUARDS, Phase.STEADY_BEFORE})
_UNWANTED = {
    "restore": (
        frozenset({Phase.INJECT, Phase.DETECT}),
        "It loses nothing: it restores beside production, into scratch.",
    ),
    TABLETOP: (
        frozenset({Phase.INJECT, Phase.CONTROLS, Phase.ROLLBACKS}),
        "It changes nothing: people say what they would do.",
    ),
}


@dataclass(frozen=True)
class Known:
    """What a scenario may refer to."""

    kinds: Mapping[str, KindInfo]
    devices: frozenset[str]
    applications: frozenset[str]
    services: frozenset[str]
    sites: frozenset[str]
    links: frozenset[str] = frozenset()
    upstreams: frozenset[str] = frozenset()
    dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def lint(document: Any, *, name: str, file: str, known: Known, locate: Locate) -> tuple[Drill | None, list[Problem]]:
    """Give the drill (None when it has no readable shape) and every problem of the file.

    Args:
        name: what the file is called without its ending; the drill must be called the same.
        locate: keys -> line, asked only for a problem.
    """
    try:
        drill = Drill.model_validate(document)
    except ValidationError as error:
        return None, [_shape(row, file, locate) for row in error.errors()]
    found = [
        *_phases(drill),
        *_naming(drill, name, known),
        *_ids(drill),
        *_needs(drill),
        *_steps(drill, known),
        *_controls(drill, known.kinds),
        *_applications(drill, known),
        *_undone(drill, known.kinds),
        *_own_site(drill),
        *_production_untouched(drill, known.kinds),
        *_promotions(drill, known.kinds),
        *_people(drill, known.kinds),
        *_set_up(drill),
        *_watched(drill),
    ]
    return drill, [Problem(f"{file}:{locate(keys)}", _path(keys), message, hint) for keys, message, hint in found]


Found = tuple[Keys, str, str]
_REFERENCES = {
    "device": "device", "node": "device", "from_device": "device", "to_device": "device", "end": "device",
    "devices": "device", "from_files": "device", "to_files": "device", "database_device": "device", "reader": "device",
    "link": "link", "site": "site", "service": "service", "upstream": "upstream",
}  # fmt: skip


def _path(keys: Keys) -> str:
    return ".".join(map(str, keys))


def _shape(row: Any, file: str, locate: Locate) -> Problem:
    """Give one pydantic error as a problem."""
    keys: Keys = tuple(row["loc"])
    message, hint = str(row["msg"]).rstrip("."), ""
    if row["type"] == "extra_forbidden":
        guess = did_you_mean(str(keys[-1]), _WORDS)
        message, hint = f'"{keys[-1]}" is unknown', f'Did you mean "{guess}"?' if guess else "See docs/drills.md."
    elif row["type"] == "missing":
        message, hint = f'"{keys[-1]}" is missing', "See docs/drills.md."
    return Problem(f"{file}:{locate(keys)}", _path(keys), message, hint)


def _suggest(word: str, known: Iterable[str]) -> str:
    guess = did_you_mean(word, known)
    return f'Did you mean "{guess}"?' if guess else f"Known: {', '.join(sorted(known)) or 'none'}."


def _naming(drill: Drill, name: str, known: Known) -> Iterator[Found]:
    """The file's name, and everything the scope names."""
    if drill.name != name:
        yield ("metadata", "name"), f'"{drill.name}" is not the file\'s name', f'Write "{name}".'
    scope = drill.spec.scope
    subjects = [word for word in (scope.app, scope.device, scope.upstream) if word]
    if len(subjects) != 1:
        yield ("spec", "scope"), "a drill is about one of app, device and upstream", "Name exactly one."
    if scope.app and not scope.service:
        yield ("spec", "scope"), '"service" is missing', "Name the service of the application."
    for key, word, words in (
        ("app", scope.app, known.applications),
        ("device", scope.device, known.devices),
        ("upstream", scope.upstream, known.upstreams),
        ("service", scope.service, known.services),
        ("run_at", scope.run_at, known.sites),
        ("from_site", scope.from_site, known.sites),
        ("to_site", scope.to_site, known.sites),
    ):
        if word and word not in words:
            yield ("spec", "scope", key), f'"{word}" is unknown', _suggest(word, words)


def _phases(drill: Drill) -> Iterator[Found]:
    """The phases that a drill of this type must have, and must not have."""
    spec = drill.spec
    given = {phase: bool(steps) for phase, steps in spec.phases()} | {Phase.CONTROLS: bool(spec.controls)}
    unwanted, why = _UNWANTED.get(spec.type, (frozenset(), ""))
    wanted = frozenset({Phase.RECOVER}) if spec.type == TABLETOP else frozenset(given) - unwanted
    for phase, is_given in given.items():
        keys = _WHERE[phase]
        if is_given and phase in unwanted:
            yield keys, f'a {spec.type} drill has no "{phase.value}"', why
        if not is_given and phase in wanted:
            yield keys, f'"{keys[-1]}" is missing', "See docs/drills.md."


def _production_untouched(drill: Drill, kinds: Mapping[str, KindInfo]) -> Iterator[Found]:
    """In a restore drill each action stays in the database or folder that the run itself made."""
    if drill.spec.type != "restore":
        return
    for phase, index, step in _all(drill):
        kind = kinds.get(step.uses)
        if (
            kind is None
            or not kind.is_action
            or kind.asks
            or (phase is Phase.DECLARE and kind.blast is BlastClass.OBSERVE)
        ):
            continue
        if leaves_scratch(step.parameters) or kind.blast > BlastClass.CHANGE:
            hint = 'Give it database: "@scratch" or path: "@scratch", or take it out.'
            yield (*_WHERE[phase], index), f'"{step.uses}" touches more than scratch in a restore drill', hint


def _own_site(drill: Drill) -> Iterator[Found]:
    """The site a drill runs at is never the one it takes the power of: it would end itself, and its record."""
    for phase, index, step in _all(drill):
        if step.uses == "lab.stop_site" and step.parameters.get("site") == drill.spec.scope.run_at:
            keys = (*_WHERE[phase], index, "with", "site")
            yield keys, f"the drill runs at {drill.spec.scope.run_at}", "Lose another site, or run it elsewhere."


def _all(drill: Drill) -> Iterator[tuple[Phase, int, Step]]:
    for phase, steps in drill.spec.phases():
        for index, step in enumerate(steps):
            yield phase, index, step


def _ids(drill: Drill) -> Iterator[Found]:
    """A step's id is unique in the whole drill: events and facts are told apart by it."""
    seen: set[str] = set()
    for phase, index, step in _all(drill):
        if step.id in seen:
            yield (*_WHERE[phase], index, "id"), f'"{step.id}" stands twice', "Rename one of them."
        seen.add(step.id)
    for index, control in enumerate(drill.spec.controls):
        if control.id in seen:
            yield ("spec", "controls", index, "id"), f'"{control.id}" stands twice', "Rename one of them."
        seen.add(control.id)


def _needs(drill: Drill) -> Iterator[Found]:
    """What a step needs is in its own phase, and there is no circle."""
    for phase, steps in drill.spec.phases():
        ids = [step.id for step in steps]
        for index, step in enumerate(steps):
            for word in step.needs:
                if word not in ids:
                    yield (*_WHERE[phase], index, "needs"), f'"{word}" is no step of this phase', _suggest(word, ids)
        circle = cycle_of(steps)
        if circle:
            yield _WHERE[phase], f"these steps wait for each other: {' -> '.join(circle)}", "Break the circle."


def _steps(drill: Drill, known: Known) -> Iterator[Found]:
    """Each step uses something that exists, that its phase allows, with parameters that fit."""
    for phase, index, step in _all(drill):
        at = (*_WHERE[phase], index)
        kind = known.kinds.get(step.uses)
        if kind is None:
            yield (*at, "uses"), f'"{step.uses}" is unknown', _suggest(step.uses, known.kinds)
            continue
        if phase in _NEVER_WAIT and kind.asks:
            yield (*at, "uses"), f'"{step.uses}" waits for a person, and this phase must not', "Use a probe."
        elif phase in _PROBES_ONLY and kind.is_action and not kind.asks:
            yield (*at, "uses"), f'"{step.uses}" changes things, and this phase only looks', "Use a probe."
        if kind.is_fault and phase not in _FAULTS_ALLOWED:
            message = f'"{step.uses}" asks the twin\'s supervisor, which a {phase.value} step must not'
            yield (*at, "uses"), message, "Recover with what production has."
        if kind.blast is BlastClass.DESTROY:
            yield (*at, "uses"), f'"{step.uses}" destroys; no drill may', "Only dcops.lab holds that handle."
        yield from _parameters(at, step, kind.parameters, known)
        if step.undoes and phase is not Phase.ROLLBACKS:
            yield (*at, "undoes"), "only a rollback undoes", "Remove it."


def _set_up(drill: Drill) -> Iterator[Found]:
    """What makes the situation stands in the inject of a failback alone, and something is left that begins it."""
    for phase, index, step in _all(drill):
        if step.sets_up and phase is not Phase.INJECT:
            yield (*_WHERE[phase], index, "sets_up"), "only a step of inject sets up", "Remove it."
    if drill.spec.inject and all(step.sets_up for step in drill.spec.inject):
        yield (
            _WHERE[Phase.INJECT],
            "every step only sets up, so t_fault never comes",
            "Leave sets_up off the one that begins.",
        )


def _parameters(at: Keys, step: Step, schema: Any, known: Known) -> Iterator[Found]:
    """The parameters fit the schema, and the devices they name exist."""
    try:
        schema.model_validate(placed(step.parameters))
    except ValidationError as error:
        for row in error.errors():
            keys = (*at, "with", *row["loc"])
            if row["type"] == "extra_forbidden":
                yield keys, f'"{row["loc"][-1]}" is unknown', _suggest(str(row["loc"][-1]), schema.model_fields)
            else:
                yield keys, f"{row['msg']}".rstrip("."), f"{step.uses} takes: {', '.join(schema.model_fields)}."
    for key, what in _REFERENCES.items():
        given, words = step.parameters.get(key), getattr(known, f"{what}s")
        for word in given if isinstance(given, list | tuple) else (given,):
            if isinstance(word, str) and word not in words:
                yield (*at, "with", key), f'"{word}" is no {what} of the inventory', _suggest(word, words)


def _applications(drill: Drill, known: Known) -> Iterator[Found]:
    """Each application of the scope is known, is seen to serve, and waits for those it depends on."""
    scope = drill.spec.scope
    for index, app in enumerate(scope.also):
        if app not in known.applications:
            yield ("spec", "scope", "also", index), f'"{app}" is unknown', _suggest(app, known.applications)
    for app in unserved(drill):
        yield ("spec", "scope", "also"), f"no step is seen to serve {app}", "Give one app and mark: t_service."
    for phase, index, step in _all(drill):
        if step.app is not None and step.app not in (scope.app, *scope.also):
            hint = _suggest(step.app, (scope.app, *scope.also))
            yield (*_WHERE[phase], index, "app"), f'"{step.app}" is no application of the scope', hint
    for index, message, hint in out_of_order(drill, known.dependencies):
        yield ("spec", "recover", index, "needs"), message, hint


def _controls(drill: Drill, kinds: Mapping[str, KindInfo]) -> Iterator[Found]:
    """A control breaks a verify step that exists, and asks it of a probe: a person is not asked twice."""
    uses = {step.id: step.uses for step in drill.spec.verify}
    ids = [step.id for step in drill.spec.verify]
    for index, control in enumerate(drill.spec.controls):
        if control.of not in ids:
            message = f'"{control.of}" is no verify step'
            yield ("spec", "controls", index, "of"), message, _suggest(control.of, ids)
        elif uses[control.of] in kinds and kinds[uses[control.of]].is_action:
            yield ("spec", "controls", index, "of"), f'"{control.of}" is no probe', "Show it of a probe."


def _undone(drill: Drill, kinds: Mapping[str, KindInfo]) -> Iterator[Found]:
    """Everything that changes something is undone by a rollback that can undo it."""
    rollbacks = drill.spec.rollbacks.steps
    changing = {}
    for phase in (Phase.INJECT, Phase.RECOVER):
        for index, step in enumerate(dict(drill.spec.phases())[phase]):
            action = kinds.get(step.uses)
            if action and action.undone_by:
                changing[step.id] = ((*_WHERE[phase], index), action)
    for step_id, (at, action) in changing.items():
        undoing = [step for step in rollbacks if step_id in step.undoes]
        if not any(step.uses in action.undone_by for step in undoing):
            hint = f"Add a rollback using {' or '.join(action.undone_by)} with undoes: [{step_id}]."
            yield at, f'nothing rolls back "{step_id}"', hint
    for index, step in enumerate(rollbacks):
        for word in step.undoes:
            if word not in changing:
                keys = (*_WHERE[Phase.ROLLBACKS], index, "undoes")
                yield keys, f'"{word}" is no step that changes something', _suggest(word, changing)


def _promotions(drill: Drill, kinds: Mapping[str, KindInfo]) -> Iterator[Found]:
    """What promotes a second copy waits for a fence, or two people have signed that the first is gone."""
    for phase, index, message, hint in unfenced(drill, kinds):
        yield (*_WHERE[phase], index), message, hint


def _people(drill: Drill, kinds: Mapping[str, KindInfo]) -> Iterator[Found]:
    """Who is asked takes part in the drill; a tabletop does nothing but ask and look."""
    spec, asked = drill.spec, 0
    for phase, index, step in _all(drill):
        kind = kinds.get(step.uses)
        if kind is None or not kind.is_action:
            continue
        asked += kind.asks
        role = step.parameters.get("role")
        if kind.asks and isinstance(role, str) and role not in spec.roles:
            keys = (*_WHERE[phase], index, "with", "role")
            yield keys, f'"{role}" is no role of this drill', _suggest(role, spec.roles)
        if spec.type == TABLETOP and not kind.asks:
            message = f'"{step.uses}" acts, and a tabletop only asks and looks'
            yield (*_WHERE[phase], index, "uses"), message, "Use manual.task or a probe."
    if spec.type == TABLETOP and not asked:
        yield ("spec", "recover"), "this tabletop asks nobody", "Use manual.task."


def _watched(drill: Drill) -> Iterator[Found]:
    """What is asked again and again is of the steady state; what aborts is asked again and again."""
    spec = drill.spec
    for phase, index, step in _all(drill):
        if step.mode == "continuous" and phase is not Phase.STEADY_BEFORE:
            yield (*_WHERE[phase], index, "mode"), "only the steady state is asked continuously", "Move it there."
        if step.every is not None and step.mode != "continuous":
            yield (*_WHERE[phase], index, "every"), "only a continuous probe is asked every so often", CONTINUOUS
    asked = [step.id for step in spec.steady_state if step.mode == "continuous"]
    for name in spec.abort_on.probes:
        if name not in asked:
            keys = ("spec", "abort_on", "probes", name)
            yield keys, f'"{name}" is no continuous probe of the steady state', _suggest(name, asked)
    if spec.abort_on.window_end and spec.window is None:
        yield ("spec", "abort_on", "window_end"), "no window says when it ends", "Set window.max_duration."
    if spec.window is not None and not spec.abort_on.window_end:
        yield ("spec", "window"), "the end of this window ends nothing", "Set abort_on.window_end: true."


CONTINUOUS = "Set mode: continuous."
_WORDS = (
    "apiVersion", "kind", "metadata", "spec", "name", "title", "owner", "version", "clauses", "runbook", "type",
    "environments", "scope", "objectives", "guards", "steady_state", "inject", "detect", "declare", "recover", "verify",
    "controls", "rollbacks", "steps", "settle", "id", "uses", "with", "needs", "mark", "delay_max", "timeout", "undoes",
    "sets_up", "of", "tamper", "expect", "app", "service", "run_at", "from_site", "to_site", "also", "roles", "window",
    "upstream", "device", "max_duration", "abort_on", "probes", "window_end", "mode", "every",
)  # fmt: skip

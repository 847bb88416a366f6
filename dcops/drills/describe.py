"""What an action or probe is, for people who write scenarios. Pure."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dcops.core.units import Seconds
from dcops.core.words import Frozen
from dcops.drills.kinds import Action, Catalogue, Probe

_DURATION = get_args(Seconds)[1]
_WORDS: dict[Any, str] = {str: "text", float: "number", int: "whole number", bool: "true or false", Any: "anything"}
_FLAGS = ("is_fault", "promotes", "fences", "permits_promotion", "asks")


class Parameter(Frozen):
    """One parameter: its type in words, and its default as it would be written; None when it must be given."""

    name: str
    type: str
    default: str | None = None


class Described(Frozen):
    """One action or probe. `undone_by` and `flags` are empty for a probe that has none."""

    name: str
    kind: str
    blast: str
    summary: str
    parameters: tuple[Parameter, ...]
    undone_by: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    timeout_seconds: float


def describe_all(catalogue: Catalogue) -> list[Described]:
    """Give all actions, then all probes, each by name."""
    actions = (_described(each, catalogue) for _, each in sorted(catalogue.actions.items()))
    probes = (_described(each, catalogue) for _, each in sorted(catalogue.probes.items()))
    return [*actions, *probes]


def _described(each: Action[Any] | Probe[Any], catalogue: Catalogue) -> Described:
    return Described(
        name=each.name,
        kind="action" if isinstance(each, Action) else "probe",
        blast=catalogue.blast(each.name).name.lower(),
        summary=each.summary,
        parameters=tuple(_parameter(name, field) for name, field in each.schema.model_fields.items()),
        undone_by=each.undone_by if isinstance(each, Action) else (),
        flags=tuple(flag for flag in _FLAGS if getattr(each, flag, False)),
        timeout_seconds=each.timeout_seconds,
    )


def _parameter(name: str, field: FieldInfo) -> Parameter:
    kind = _type(field)
    default = None if field.is_required() else _written(field.get_default(call_default_factory=True), kind)
    return Parameter(name=name, type=kind, default=default)


def _type(field: FieldInfo) -> str:
    """Name a type as a person who writes YAML would."""
    if _DURATION in field.metadata:
        return "duration"
    return _name(field.annotation)


def _name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "duration" if _DURATION in arguments else _name(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_name(each) for each in arguments if each is not NoneType)
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (tuple, list):
        return f"list of {_name(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "{" + ", ".join(annotation.model_fields) + "}"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _written(value: Any, kind: str) -> str:
    """Write a default as a scenario would."""
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}{'s' if kind == 'duration' else ''}" if isinstance(value, float) else str(value)

"""Prometheus' text format, written directly: the names are ours to the letter, and it costs little. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["CONTENT_TYPE", "Family", "Sample", "render"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


Sample: TypeAlias = tuple[Mapping[str, str], float]


@dataclass(frozen=True)
class Family:
    """One metric: its name, kind (`gauge` or `counter`), meaning, and samples as (labels, value)."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample] = field(default_factory=tuple)


def render(families: Iterable[Family]) -> str:
    """The families as text, each sample on a line; a family without samples is left out."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_help(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [f"{family.name}{_labels(labels)} {_number(value)}" for labels, value in family.samples]
    return "\n".join(lines) + "\n" if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items()) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    if isinstance(value, int) or (value == value and abs(value) < 1e15 and float(value).is_integer()):
        return str(int(value))
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(float(value)), repr(float(value)))

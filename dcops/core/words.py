"""Words that every capability shares, defined here once."""

import datetime
from enum import IntEnum, StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

T = TypeVar("T")


class Status(StrEnum):
    """What is known of a thing; missing or stale knowledge is `unknown`, never `pass`."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Environment(StrEnum):
    """Where a thing happened; attested by a signed identity, never typed by hand."""

    TWIN = "twin"
    SCRATCH = "scratch"
    RECOVERY_SITE = "recovery-site"
    PRODUCTION = "production"

    @property
    def is_rehearsal(self) -> bool:
        """True where results never count as evidence that production recovers."""
        return self in (Environment.TWIN, Environment.SCRATCH)


class BlastClass(IntEnum):
    """How much an action can break, in rising order."""

    OBSERVE = 0
    CHANGE = 1
    DISRUPT = 2
    DESTROY = 3


class ValueStatus(StrEnum):
    """Whether a number is somebody's proposal or a decision."""

    PROPOSED = "proposed"
    ADOPTED = "adopted"


class StampClass(StrEnum):
    """Who says when a thing was there: nobody but its maker, an authority of the ministry's own, or another's."""

    NONE = "none"
    SELF = "self"
    INDEPENDENT = "independent"


class Frozen(BaseModel):
    """Base of models people write or that cross a layer: unknown keys refused, values fixed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(Frozen, Generic[T]):
    """A threshold, interval, objective or owner with its standing; `value` None is legal and means unknown."""

    value: T | None = None
    status: ValueStatus = ValueStatus.PROPOSED
    by: str | None = None
    decision: str | None = None
    date: datetime.date | None = None

    @model_validator(mode="after")
    def _adopted_says_by_whom(self) -> "Value[T]":
        if self.status is ValueStatus.ADOPTED and (self.value is None or not self.by or not self.decision):
            raise ValueError("an adopted value names value, by and decision")
        return self

    @property
    def is_set(self) -> bool:
        """True when there is a value, proposed or adopted."""
        return self.value is not None

    @property
    def is_adopted(self) -> bool:
        """True when somebody decided it."""
        return self.is_set and self.status is ValueStatus.ADOPTED


class Text(Frozen):
    """A text for auditors and the public, in Indonesian and English."""

    id: str
    en: str

    def in_language(self, language: str) -> str:
        """Give the text in `id` or `en`."""
        return self.en if language == "en" else self.id

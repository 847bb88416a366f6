"""The base of all kinds. Pure."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Payload(BaseModel):
    """What one kind of record says. Subclasses set `kind` and, when a field changes its meaning, a new `version`.

    Unknown fields are refused; `details` takes what has no field of its own yet. Quantities end in their unit; times
    are RFC 3339 texts. No secret, no personal data: hashes and counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    details: dict[str, JsonValue] = Field(default_factory=dict)

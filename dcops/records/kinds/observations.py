"""Records of what was seen without acting. Pure."""

from typing import ClassVar

from pydantic import Field, JsonValue

from dcops.core.words import Status
from dcops.records.kinds.base import Payload


class Observation(Payload):
    """Something was looked at: `subject` is its inventory name or catalogue key, `facts` what was seen."""

    kind: ClassVar[str] = "observation"

    subject: str
    aspect: str
    status: Status = Status.UNKNOWN
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    source: str = ""


KINDS: tuple[type[Payload], ...] = (Observation,)

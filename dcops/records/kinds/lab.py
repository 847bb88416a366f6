"""Records of the twin: faults its supervisor made, twins brought up and taken down. Pure."""

from typing import ClassVar

from pydantic import Field, JsonValue

from dcops.records.kinds.base import Payload


class LabFault(Payload):
    """The supervisor was asked to cut, heal, shape, stop or start something of the twin."""

    kind: ClassVar[str] = "lab.fault"

    twin: str
    verb: str
    target: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    is_ok: bool
    error: str = ""


class LabState(Payload):
    """A twin was brought up, taken down, or its state kept in a snapshot."""

    kind: ClassVar[str] = "lab.state"

    twin: str
    verb: str
    nodes: list[str] = Field(default_factory=list)
    image: str = ""
    snapshot: str = ""
    duration_seconds: float = 0.0


KINDS: tuple[type[Payload], ...] = (LabFault, LabState)

"""Records of enrolment: what a name of the inventory was when it was first trusted. Pure."""

from typing import ClassVar, Literal

from dcops.records.kinds.base import Payload


class Enrolment(Payload):
    """A host, device, database or repository was enrolled under an inventory name.

    `facts` identify it: machine_id, serial, host_key_sha256, system_identifier, repository_id.
    """

    kind: ClassVar[str] = "enrolment"

    name: str
    subject: Literal["host", "device", "database", "repository"]
    inventory: str
    site: str = ""
    facts: dict[str, str]


KINDS: tuple[type[Payload], ...] = (Enrolment,)

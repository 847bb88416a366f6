"""Records of people's decisions. Pure."""

from typing import ClassVar, Literal

from dcops.records.kinds.base import Payload


class Approval(Payload):
    """A person approved or rejected what `subject` (a SHA-256) names.

    `statement` is the exact text that was signed, `signature` the armoured SSH signature over it (namespace
    dcops-approval), `key` the fingerprint of the key as the inventory had it then.
    """

    kind: ClassVar[str] = "approval"

    subject: str
    decision: Literal["approve", "reject"]
    person: str
    signed_at: str
    expires_at: str | None = None
    reason: str = ""
    statement: str
    signature: str
    key: str


KINDS: tuple[type[Payload], ...] = (Approval,)

"""Records a journal keeps about itself: its opening, its keys, heads seen elsewhere, gaps. Pure."""

from typing import ClassVar

from pydantic import Field

from dcops.core.words import Frozen
from dcops.records.kinds.base import Payload


class JournalOpened(Payload):
    """The first record of every journal: the writer and its first public key (JWK)."""

    kind: ClassVar[str] = "journal.opened"

    host: str
    jwk: dict[str, str]


class JournalKey(Payload):
    """A new signing key from the next record on, introduced by a record that the old key signed."""

    kind: ClassVar[str] = "journal.key"

    jwk: dict[str, str]
    replaces: str
    reason: str = ""


class JournalHead(Frozen):
    """The end of a chain at one moment."""

    journal: str
    seq: int
    hash: str
    at: str


class Anchor(Payload):
    """Heads that were handed to, or received from, somebody else; `place` says where they are kept."""

    kind: ClassVar[str] = "anchor"

    place: str
    heads: list[JournalHead]


class Gap(Payload):
    """The store could not take records for a while; they follow this record, in the order they were spooled.

    `spooled` are the SHA-256 of the spooled lines; `refused` those whose signature was not ours. Two people review it.
    """

    kind: ClassVar[str] = "gap"

    since: str
    until: str
    reason: str
    spooled: list[str] = Field(default_factory=list)
    refused: list[str] = Field(default_factory=list)


KINDS: tuple[type[Payload], ...] = (JournalOpened, JournalKey, Anchor, Gap)

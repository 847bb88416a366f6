"""Frozen types of the journals. Pure.

A record is a text (RFC 8785 JSON of the envelope), its SHA-256, and an Ed25519 signature over the text. The text is
what counts: everything else is derived from it, and `verify` derives it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dcops.core.words import Environment

GENESIS = "0" * 64
_HASH = r"^[0-9a-f]{64}$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$"


class Envelope(BaseModel):
    """What every record says about itself.

    `seq` counts from 1 in one journal; `previous` is the hash of the record before, 64 zeros for the first. `at` is
    RFC 3339 UTC by the writer's clock. `change` names a change request or drill order, `run` the run (a ULID).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    journal: str = Field(pattern=_NAME)
    seq: int = Field(ge=1)
    previous: str = Field(pattern=_HASH)
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")
    version: int = Field(ge=1)
    at: str
    environment: Environment = Field(strict=False)
    run: str | None
    actor: str
    change: str | None
    inventory_revision: str | None
    payload: dict[str, JsonValue]


@dataclass(frozen=True)
class Stored:
    """A record as it lies in a store or an export, nothing checked yet; `columns` are the copies queries use."""

    journal: str
    seq: int
    text: str
    hash: str
    signature: str
    key_id: str
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A record and its seal. `is_spooled`: the store could not take it, it waits in the spool and has no place yet."""

    envelope: Envelope
    text: str
    hash: str
    signature: str
    key_id: str
    is_spooled: bool = False

    @property
    def journal(self) -> str:
        """Name of the writer's chain."""
        return self.envelope.journal

    @property
    def seq(self) -> int:
        """Place in the chain, from 1; 0 while spooled."""
        return 0 if self.is_spooled else self.envelope.seq

    @property
    def kind(self) -> str:
        """Kind of record, such as backup.receipt."""
        return self.envelope.kind

    @property
    def at(self) -> str:
        """When it was written, RFC 3339 UTC."""
        return self.envelope.at

    @property
    def run(self) -> str | None:
        """The run it belongs to."""
        return self.envelope.run

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the kind says, as JSON values."""
        return self.envelope.payload


@dataclass(frozen=True)
class Draft:
    """A record before it has its place in the chain. `payload` holds JSON values only, already checked by its kind."""

    kind: str
    version: int
    at: str
    environment: Environment
    run: str | None
    actor: str
    change: str | None
    inventory_revision: str | None
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Head:
    """The end of a chain: the last record's place, hash and time, and the key that signed it."""

    journal: str
    seq: int
    hash: str
    at: str
    key_id: str = ""


class SignedHead(BaseModel):
    """A head somebody else keeps: `text` is the RFC 8785 JSON of {at, hash, journal, seq}, signed as records are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str
    signature: str
    key_id: str


@dataclass(frozen=True)
class Query:
    """Which records; None means any.

    `kind` may end in `*`; `run` may be the ending of a run's id. `after` is exclusive, `until` inclusive; both compare
    `at`.
    """

    kind: str | None = None
    run: str | None = None
    journal: str | None = None
    after: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    is_newest_first: bool = False


class Fault(StrEnum):
    """What can be wrong with a chain."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    SIGNATURE = "signature"
    KEY = "key"
    CUT = "cut"


@dataclass(frozen=True)
class Finding:
    """One thing wrong, with its place; seq 0 means the journal as a whole."""

    journal: str
    seq: int
    fault: Fault
    message: str

    def __str__(self) -> str:
        place = f"{self.journal}:{self.seq}" if self.seq else self.journal
        return f"{place}: {self.fault.value}: {self.message}"


@dataclass(frozen=True)
class Verification:
    """What verifying found. `notes` say what was not shown, `unsealed` what keeps a sound chain from being sealed."""

    records: int
    heads: tuple[Head, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unsealed: tuple[str, ...] = ()
    anchored: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.findings

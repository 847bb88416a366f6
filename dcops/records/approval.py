"""People's approvals: a statement over a hash, signed with SSH, checked against the people the inventory names. Pure.

The statement is RFC 8785 JSON, so what was signed can be written again from its fields:
`{at, decision, expires_at, person, reason, subject, type: "dcops-approval"}`; `subject` is the SHA-256 of what is
approved: a plan's id, a drill order, a record's hash.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from dcops.core.errors import ApprovalMissing, DcopsError
from dcops.records.canonical import canonical_text, parse_canonical
from dcops.records.model import Record

NAMESPACE = "dcops-approval"


class Statement(BaseModel):
    """What a person signs. Times are RFC 3339; an approval without `expires_at` does not expire."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    subject: str = Field(pattern=r"^[0-9a-f]{64}$")
    decision: Literal["approve", "reject"]
    person: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$")  # ssh-keygen reads it as a pattern
    at: str
    expires_at: str | None = None
    reason: str = ""
    type: Literal["dcops-approval"] = "dcops-approval"

    @property
    def text(self) -> str:
        """The exact text to sign."""
        return canonical_text(self.model_dump(mode="json"), where="approval")


@dataclass(frozen=True)
class Approver:
    """A person as the inventory has them: name, roles and SSH public key lines."""

    name: str
    roles: frozenset[str]
    keys: tuple[str, ...]


class SshSignatures(Protocol):
    """Makes and checks SSH signatures in the namespace dcops-approval."""

    def sign(self, text: str, key_path: str) -> str:
        """Return the armoured signature over the text with the private key (or agent's, hardware key's) at a path."""

    def verify(self, text: str, signature: str, person: str, keys: tuple[str, ...]) -> str:
        """Return the fingerprint of the key that signed; raise ApprovalMissing when none of `keys` did."""


@dataclass(frozen=True)
class Demand:
    """What an act asks for: how many different people, with which role, none of them among `not_by`."""

    people: int = 1
    role: str = "approver"
    not_by: frozenset[str] = frozenset()


def read_statement(text: str) -> Statement:
    """Return the statement of a signed text; raise DcopsError when it is not exactly one."""
    try:
        return Statement.model_validate(parse_canonical(text))
    except ValueError as error:
        raise DcopsError("this is no statement of approval", hint="dcops records approve --print makes one.") from error


def approval_payload(statement: Statement, signature: str, key: str) -> dict[str, Any]:
    """Return the payload of the record `approval`."""
    return {
        "subject": statement.subject,
        "decision": statement.decision,
        "person": statement.person,
        "signed_at": statement.at,
        "expires_at": statement.expires_at,
        "reason": statement.reason,
        "statement": statement.text,
        "signature": signature,
        "key": key,
    }


def granted(
    subject: str,
    records: Iterable[Record],
    people: Mapping[str, Approver],
    signatures: SshSignatures,
    *,
    now: datetime,
    parse_time: Callable[[str], datetime],
    demand: Demand,
) -> tuple[str, ...]:
    """Return who validly approved `subject`, sorted; every signature is checked again against today's people.

    A person's newest statement counts: a later rejection takes an approval back.
    """
    newest: dict[str, Statement] = {}
    for record in records:
        statement = _valid(record, subject, people, signatures)
        if statement is not None and statement.at >= getattr(newest.get(statement.person), "at", ""):
            newest[statement.person] = statement
    return tuple(
        sorted(
            name
            for name, statement in newest.items()
            if statement.decision == "approve"
            and name not in demand.not_by
            and demand.role in people[name].roles
            and (statement.expires_at is None or now < parse_time(statement.expires_at))
        )
    )


def require(subject: str, people: tuple[str, ...], demand: Demand) -> None:
    """Raise ApprovalMissing (exit 40) when fewer people approved than asked for."""
    if len(people) < demand.people:
        raise ApprovalMissing(
            f"{len(people)} of {demand.people} approvals by role {demand.role}",
            where=f"approval of {subject[:12]}",
            hint=f"dcops records approve {subject} --person NAME --key FILE",
        )


def _valid(record: Record, subject: str, people: Mapping[str, Approver], signatures: SshSignatures) -> Statement | None:
    """Return the statement of an approval record when it is about the subject and really that person's."""
    try:
        statement = read_statement(str(record.payload["statement"]))
        if statement.subject != subject or statement.person not in people:
            return None
        keys = people[statement.person].keys
        signatures.verify(statement.text, str(record.payload["signature"]), statement.person, keys)
    except (DcopsError, KeyError):
        return None
    return statement

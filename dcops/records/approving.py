"""Approvals in the journal: taken in when the signature holds, asked for before an act. Knows ports only."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from dcops.core.clock import parse_rfc3339, rfc3339, utc_now
from dcops.core.errors import UsageError
from dcops.core.text import did_you_mean
from dcops.records.approval import (
    Approver,
    Demand,
    SshSignatures,
    Statement,
    approval_payload,
    granted,
    read_statement,
    require,
)
from dcops.records.model import Record
from dcops.records.service import Journal


def _end(moment: datetime, valid_seconds: float) -> datetime:
    """Return when a validity ends."""
    try:
        end = moment + timedelta(seconds=valid_seconds)
    except OverflowError:
        end = moment
    if end <= moment:
        raise UsageError("an approval is valid for some time", where="--valid", hint="Write a duration such as 8h.")
    return end


class Approvals:
    """The approvals of one inventory's people."""

    def __init__(self, journal: Journal, people: Mapping[str, Approver], signatures: SshSignatures) -> None:
        self._journal, self._people, self._signatures = journal, people, signatures

    def statement(
        self,
        subject: str,
        person: str,
        *,
        decision: Literal["approve", "reject"] = "approve",
        reason: str = "",
        valid_seconds: float | None = None,
        now: datetime | None = None,
    ) -> Statement:
        """Return what `person` is to sign; without `valid_seconds` it does not expire.

        Raises UsageError for a stranger, a subject that is no SHA-256, a validity that ends at once or never.
        """
        self.person(person)
        moment = now or utc_now()
        expires = None if valid_seconds is None else rfc3339(_end(moment, valid_seconds))
        try:
            return Statement(
                subject=subject,
                decision=decision,
                person=person,
                at=rfc3339(moment),
                expires_at=expires,
                reason=reason,
            )
        except ValidationError:
            raise UsageError("what is approved is named by a SHA-256, 64 hex digits", where=subject) from None

    def sign(self, statement: Statement, key_path: str) -> Record:
        """Sign a statement with a person's key and take it in."""
        return self.take(statement.text, self._signatures.sign(statement.text, key_path))

    def take(self, text: str, signature: str) -> Record:
        """Append a signed statement to the journal; raise ApprovalMissing when the signature is not the person's."""
        statement = read_statement(text)
        keys = self.person(statement.person).keys
        fingerprint = self._signatures.verify(text, signature, statement.person, keys)
        return self._journal.append(
            "approval", approval_payload(statement, signature, fingerprint), actor=statement.person
        )

    def take_for(self, subject: str, person: str, text: str, signature: str) -> Record:
        """Take in a statement signed elsewhere, provided it is this person's about this subject."""
        found = read_statement(text)
        if (found.subject, found.person) != (subject, person):
            raise UsageError(f"the statement is {found.person}'s about {found.subject}", where="statement")
        return self.take(text, signature)

    def granted(self, subject: str, demand: Demand, *, now: datetime | None = None) -> tuple[str, ...]:
        """Return who validly approved `subject` at `now`."""
        return granted(
            subject,
            self._journal.query(kind="approval"),
            self._people,
            self._signatures,
            now=now or utc_now(),
            parse_time=parse_rfc3339,
            demand=demand,
        )

    def require(self, subject: str, demand: Demand, *, now: datetime | None = None) -> tuple[str, ...]:
        """Return who approved; raise ApprovalMissing (exit 40) when they are too few."""
        people = self.granted(subject, demand, now=now)
        require(subject, people, demand)
        return people

    def find(self, person: str) -> Approver | None:
        """Return a person of the inventory, None for anybody else."""
        return self._people.get(person)

    def person(self, person: str) -> Approver:
        """Return a person of the inventory; raise UsageError for anybody else."""
        if person not in self._people:
            near = did_you_mean(person, self._people)
            hint = f"Did you mean {near}?" if near else "The inventory's people are listed in its people.yml."
            raise UsageError(f'"{person}" is nobody in this inventory', hint=hint)
        return self._people[person]

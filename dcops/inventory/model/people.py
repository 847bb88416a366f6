"""Who may do what, which credential lies where, which contract covers what, and when work is allowed."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from dcops.core.words import Frozen, Value
from dcops.inventory.model.base import Boolean, Count, Name, SecretRef, TimeOfDay, Words


class PersonRole(StrEnum):
    """What a person may do."""

    OPERATOR = "operator"
    APPROVER = "approver"
    OBSERVER = "observer"
    AUDITOR = "auditor"


class PublicKey(Frozen):
    """An SSH public key: the line itself, or a secret reference to a file that holds it."""

    line: Words | None = Field(
        default=None, pattern=r"^(ssh-ed25519|ecdsa-sha2-nistp256|sk-ssh-ed25519@openssh\.com) \S+"
    )
    ref: SecretRef | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.line is None) == (self.ref is None):
            raise ValueError("a public key has exactly one of line and ref")
        return self


class Person(Frozen):
    """A person, or in a lab a role that stands for one; approvals are checked against `keys`.

    Attributes:
        is_on_call: pages go to this person's `email`.
    """

    name: Name
    title: Words
    roles: tuple[PersonRole, ...] = Field(min_length=1)
    keys: tuple[PublicKey, ...] = ()
    unit: Words | None = None
    email: Words | None = Field(default=None, pattern=r"^[A-Za-z0-9._+-]+@([a-z0-9-]+\.)+[a-z]+$")
    is_on_call: Boolean = False
    is_lab_role: Boolean = False

    @model_validator(mode="after")
    def _can_be_paged(self) -> Self:
        if self.is_on_call and self.email is None:
            raise ValueError("who is on call has an email")
        return self


class CustodyDomain(StrEnum):
    """Who could use a credential if a whole domain fell; a copy is append-only only across domains."""

    PRODUCTION = "production"
    RETENTION = "retention"
    PERSON = "person"
    LAB = "lab"
    NATIONAL = "national"


class Credential(Frozen):
    """A credential: where it lives and what it can do, never its value.

    Attributes:
        secret: reference to it (`file:`, `env:`, `credential:`, `vault:`).
        held_at: devices that hold it; `held_by`: people or roles that hold it.
        reads, writes, destroys: names of what it opens (`repository:...`, `database:...`, `device:...`,
            `configuration:...`); `destroys` is what it could delete beyond recovery.
    """

    name: Name
    purpose: Words
    secret: SecretRef
    domain: CustodyDomain
    held_at: tuple[Name, ...] = ()
    held_by: tuple[Name, ...] = ()
    reads: tuple[Words, ...] = ()
    writes: tuple[Words, ...] = ()
    destroys: tuple[Words, ...] = ()
    rotate_every_days: Value[Count] | None = None


class Contract(Frozen):
    """A contract or agreement that covers equipment, a circuit or a tenant."""

    name: Name
    title: Words
    party: Words | None = None
    reference: Words | None = None
    valid_until: Words | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")


class Weekday(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class WindowPurpose(StrEnum):
    """What a window allows."""

    CHANGE = "change"
    DRILL = "drill"
    BACKUP = "backup"
    FREEZE = "freeze"


class Window(Frozen):
    """A weekly span in which something is allowed, or with `freeze` forbidden; local time of `timezone`.

    A span whose `until` is not after its `start` ends on the next day.
    """

    name: Name
    purpose: WindowPurpose
    days: tuple[Weekday, ...] = Field(min_length=1)
    start: TimeOfDay
    until: TimeOfDay
    timezone: Words = "Asia/Jakarta"
    applies_to: Words = "all"


class Maintenance(Frozen):
    """One announced piece of work: its time, the devices (a pattern), who answers for it and why."""

    name: Name
    start: datetime
    until: datetime
    applies_to: Words
    responsible: Name
    reason: Words
    approved_by: Name | None = None

    @field_validator("start", "until")
    @classmethod
    def _has_zone(cls, moment: datetime) -> datetime:
        if moment.tzinfo is None:
            raise ValueError("a time needs its zone, such as 2026-12-01T22:00:00+07:00")
        return moment

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.until <= self.start:
            raise ValueError("until is not after start")
        return self


class Calendar(Frozen):
    """When work is allowed."""

    windows: dict[Name, Window] = Field(default_factory=dict)
    maintenance: dict[Name, Maintenance] = Field(default_factory=dict)

"""What people are asked in a drill, and what they answer. Pure."""

from datetime import datetime
from typing import Literal

from dcops.core.words import Environment, Frozen, Text
from dcops.records.canonical import canonical_text, sha256_hex


class Question(Frozen):
    """What a person is asked to do, and until when. `step` is the step that waits for the answer."""

    step: str
    role: str
    text: Text
    until: datetime


class Answer(Frozen):
    """What a person answered: `person` as they say, `actor` as the system knows them (user@host)."""

    step: str
    is_done: bool
    note: str = ""
    person: str = ""
    actor: str
    at: datetime

    @property
    def who(self) -> str:
        """Who answered, for people to read."""
        return f"{self.person} ({self.actor})" if self.person else self.actor


class Declaration(Frozen):
    """What two people sign: that this very run's disaster is declared, in these words, for this scenario as it is."""

    run: str
    drill: str
    spec_sha256: str
    environment: Environment
    operator: str
    text: Text
    type: Literal["dcops-drill-declaration"] = "dcops-drill-declaration"

    @property
    def subject(self) -> str:
        """The SHA-256 they sign."""
        return sha256_hex(canonical_text(self.model_dump(mode="json"), where="declaration"))

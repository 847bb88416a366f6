"""What people are asked in a drill, and what they answer. Pure."""

from datetime import datetime

from dcops.core.words import Frozen, Text


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

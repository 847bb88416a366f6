"""What runs need from outside: somebody to tell. Pure."""

from enum import StrEnum
from typing import Protocol


class Urgency(StrEnum):
    """`page`: a person must look now; `notice`: in working hours."""

    PAGE = "page"
    NOTICE = "notice"


class Notify(Protocol):
    """Tells people. Never raises: a message that cannot be sent is kept and sent later, or written to stderr."""

    def send(self, urgency: Urgency, subject: str, body: str) -> None:
        """Tell `subject` (one line) and `body`; a second call tells it twice."""

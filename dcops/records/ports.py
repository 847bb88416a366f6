"""What the journal needs from outside. Pure."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from dcops.core.errors import DcopsError
from dcops.core.exitcodes import ExitCode
from dcops.records.model import Head, Query, Record, Stored

Make = Callable[[Head | None], Sequence[Record]]
"""Given the present head of a journal (None: empty), the sealed records to append after it."""


class StoreUnavailable(DcopsError):
    """The store cannot be written or read now: full disk, dead server, lock that does not end, damaged file."""

    is_retryable = True


class StoreMissing(StoreUnavailable):
    """There is no store where one was expected."""

    is_retryable = False


class StoreDamaged(StoreUnavailable):
    """The store's own structure is damaged."""

    exit_code = ExitCode.JOURNAL_INVALID
    is_retryable = False


class Rows(Protocol):
    """Gives whole journals row by row, as they lie there: all that verifying needs."""

    def journals(self) -> tuple[str, ...]:
        """Return the names of all journals, sorted."""

    def rows(self, journal: str) -> Iterator[Stored]:
        """Yield the stored rows of one journal in order of seq, with their columns, nothing checked."""

    def check(self) -> tuple[str, ...]:
        """Return what is wrong with the store's own structure, one line each; empty when nothing is."""


class Reader(Rows, Protocol):
    """Reads records; changes nothing."""

    def find(self, query: Query) -> Iterator[Stored]:
        """Yield the rows that match, by time and then by place; columns decide, `verify` checks the columns."""

    def get(self, journal: str, seq: int) -> Stored | None:
        """Return one row, None when there is none."""

    def head(self, journal: str) -> Head | None:
        """Return the end of a journal, None when it is empty."""


class Writer(Protocol):
    """Appends records; nothing can be changed or removed."""

    def append(self, journal: str, make: Make) -> tuple[Record, ...]:
        """Append what `make` seals, in one transaction that no other writer of this journal can enter meanwhile.

        On return the records are on disk. `make` may be called again when the first try met another writer.
        Raises StoreUnavailable when nothing was written.
        """


class Store(Reader, Writer, Protocol):
    """Both."""


class Spool(Protocol):
    """Where records wait while the store cannot take them."""

    def put(self, text: str) -> str:
        """Keep one line and return where; never raises, the last resort is stderr."""

    def entries(self) -> tuple[str, ...]:
        """Return the lines that wait, oldest first; torn ones are left out."""

    def draining(self) -> AbstractContextManager[tuple[str, ...]]:
        """Yield the lines that wait and forget them when the block ends without an exception."""


class Signer(Protocol):
    """Signs texts; `dcops.records.sign.SigningKey` is one."""

    @property
    def key_id(self) -> str:
        """The key's id."""

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as JWK."""

    def sign(self, text: str) -> str:
        """Return the signature over the text, base64url; the same text gives the same signature (RFC 8032)."""


class Alarm(Protocol):
    """Pages people; never raises."""

    def __call__(self, subject: str, body: str) -> None:
        """Tell it now."""

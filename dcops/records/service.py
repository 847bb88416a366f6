"""The journal: append, query, verify. Knows ports only; `dcops.wiring.records.open_journal` makes one.

A record never stops an act: when the store cannot take one, it is spooled, people are paged, and the next append that
succeeds writes a `gap` record and then the spooled ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dcops.core.clock import parse_rfc3339, rfc3339, utc_now
from dcops.core.errors import UsageError
from dcops.core.words import Environment
from dcops.records.anchors import sign_head
from dcops.records.canonical import plain, sha256_hex
from dcops.records.chain import envelope_after, head_of, read_envelope, text_of
from dcops.records.kinds import validate_payload
from dcops.records.model import GENESIS, Draft, Envelope, Head, Query, Record, SignedHead, Stored
from dcops.records.ports import Alarm, Reader, Signer, Spool, Store, StoreUnavailable
from dcops.records.spooled import SpooledLine, read_line, write_line

_MOST_DIGITS = 18  # what a database's integer holds


@dataclass(frozen=True)
class Writing:
    """What every record of this process says about its writer."""

    journal: str
    host: str
    environment: Environment
    actor: str
    inventory_revision: str | None = None


class Records:
    """Reading: the journals of a store. `name` is the journal meant when a reference gives a number only."""

    def __init__(self, reader: Reader, name: str = "") -> None:
        self.reader, self.name = reader, name

    def query(
        self,
        *,
        kind: str | None = None,
        run: str | None = None,
        journal: str | None = None,
        after: datetime | str | None = None,
        until: datetime | str | None = None,
        limit: int | None = None,
        is_newest_first: bool = False,
    ) -> Iterator[Record]:
        """Yield records by time. `kind` may end in `*`; `after` is exclusive, `until` inclusive, datetimes or RFC 3339.

        Nothing is verified here, `verify` does that. Raises StoreUnavailable when the store cannot be read.
        """
        query = Query(kind, run, journal, _moment(after), _moment(until), limit, is_newest_first)
        return (as_record(row) for row in self.reader.find(query))

    def last(self, kind: str, **conditions: Any) -> Record | None:
        """Return the newest record of a kind, None when there is none."""
        return next(self.query(kind=kind, limit=1, is_newest_first=True, **conditions), None)

    def get(self, reference: str) -> Record:
        """Return the record `JOURNAL:SEQ`, or `SEQ` in this process's own journal; raise UsageError when not there."""
        journal, _, number = reference.rpartition(":")
        is_place = number.isdecimal() and len(number) <= _MOST_DIGITS
        row = self.reader.get(journal or self.name, int(number)) if is_place else None
        if row is None:
            raise UsageError("there is no such record", where=reference, hint="dcops records list shows them.")
        return as_record(row)

    def heads(self) -> tuple[Head, ...]:
        """Return the end of every journal, sorted by name."""
        heads = (self.reader.head(name) for name in self.reader.journals())
        return tuple(head for head in heads if head is not None)


class Journal(Records):
    """The records of this installation: one chain per writer, this process appends to one of them and reads all."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        spool: Spool,
        alarm: Alarm,
        writing: Writing,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(store, writing.journal)
        self.store, self.writing = store, writing
        self._signer, self._spool, self._alarm, self._now = signer, spool, alarm, now

    def append(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        run: str | None = None,
        actor: str | None = None,
        change: str | None = None,
    ) -> Record:
        """Append one record and return it; it is on disk when this returns.

        With a store that cannot be written the record is spooled instead, people are paged, and `is_spooled` is set.

        Raises:
            DcopsError: the kind is not registered, the payload does not fit it, or something in it is a secret.
        """
        draft = self._draft(kind, payload, run, actor, change)
        try:
            with self._spool.draining() as waiting:
                return self.store.append(self.name, lambda head: self._seal(head, waiting, draft))[-1]
        except StoreUnavailable as error:
            return self._keep(draft, str(error))

    def introduce(self, jwk: Mapping[str, str], reason: str) -> Record:
        """Append the record that introduces a new signing key; it is signed by the present one, the next are not.

        Raises StoreUnavailable when it could not be chained: then the present key must go on signing.
        """
        record = self.append("journal.key", {"jwk": dict(jwk), "replaces": self._signer.key_id, "reason": reason})
        if record.is_spooled:
            raise StoreUnavailable("the new key could not be introduced", hint="The present key goes on signing.")
        return record

    def sign_heads(self, heads: Iterable[Head]) -> tuple[SignedHead, ...]:
        """Return these ends of journals as this writer's signed word that it saw them so."""
        return tuple(sign_head(head, self._signer) for head in heads)

    def waiting(self) -> int:
        """Return how many records are spooled and not yet in the journal."""
        return len(self._spool.entries())

    def _draft(
        self, kind: str, payload: Mapping[str, Any], run: str | None, actor: str | None, change: str | None
    ) -> Draft:
        where = f"record {kind}"
        model = validate_payload(kind, plain(payload, where=where))
        return Draft(
            kind=kind,
            version=model.version,
            at=rfc3339(self._now()),
            environment=self.writing.environment,
            run=run,
            actor=actor or self.writing.actor,
            change=change,
            inventory_revision=self.writing.inventory_revision,
            payload=model.model_dump(mode="json", exclude_defaults=False),
        )

    def _seal(self, head: Head | None, waiting: Sequence[str], draft: Draft) -> Sequence[Record]:
        """Return the sealed records: the journal's opening, a gap and what was spooled, each only when it is due."""
        drafts = [] if head else [self._own("journal.opened", {"host": self.writing.host, "jwk": self._signer.jwk})]
        drafts += self._drafts_of(waiting)
        sealed: list[Record] = []
        for item in [*drafts, draft]:
            sealed.append(self._sealed(envelope_after(head, item, self.name)))
            head = head_of(sealed[-1])
        return sealed

    def _drafts_of(self, waiting: Sequence[str]) -> list[Draft]:
        if not waiting:
            return []
        lines = [read_line(text, self._signer) for text in waiting]
        good = [line for line in lines if line.draft is not None]
        gap = {
            "since": min((line.at for line in good), default=rfc3339(self._now())),
            "until": rfc3339(self._now()),
            "reason": next((line.reason for line in good), "unreadable"),
            "spooled": [line.digest for line in good],
            "refused": [line.digest for line in lines if line.draft is None],
        }
        return [self._own("gap", gap), *(line.draft for line in good if line.draft is not None)]

    def _own(self, kind: str, payload: Mapping[str, Any]) -> Draft:
        return self._draft(kind, payload, None, None, None)

    def _sealed(self, envelope: Envelope) -> Record:
        text = text_of(envelope)
        return Record(envelope, text, sha256_hex(text), self._signer.sign(text), self._signer.key_id)

    def _keep(self, draft: Draft, reason: str) -> Record:
        """Spool a draft and page; the record returned has no place in the chain yet."""
        text = write_line(SpooledLine(draft, reason, draft.at), self._signer)
        place = self._spool.put(text)
        self._alarm("a record could not be written to the journal", f"{reason}; kept in {place}")
        envelope = envelope_after(Head(self.name, 0, GENESIS, draft.at), draft, self.name)
        return Record(envelope, text, sha256_hex(text), "", "", is_spooled=True)


def as_record(row: Stored) -> Record:
    """Return a stored row as a record, seal not checked; raise StoreUnavailable when its text cannot be read."""
    try:
        return Record(read_envelope(row.text), row.text, row.hash, row.signature, row.key_id)
    except ValueError as error:
        where = f"record {row.journal}:{row.seq}"
        raise StoreUnavailable(f"the text is {error}", where=where, hint="dcops records verify says more.") from error


def _moment(value: datetime | str | None) -> datetime | None:
    return parse_rfc3339(value) if isinstance(value, str) else value

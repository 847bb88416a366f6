"""The chain: how a record gets its place, and how a chain is held against its own hashes, keys and anchors. Pure.

Verification looks at stored texts only; it trusts no hash, no column and no order it did not compute itself.
"""

from dataclasses import dataclass, field

from pydantic import ValidationError

from dcops.records.canonical import canonical_text, parse_canonical, sha256_hex
from dcops.records.keyring import Keyring
from dcops.records.model import GENESIS, Draft, Envelope, Fault, Finding, Head, Record, Stored

_COLUMNS = ("kind", "version", "at", "environment", "run", "actor", "change")


def envelope_after(head: Head | None, draft: Draft, journal: str) -> Envelope:
    """Return the envelope that follows `head` in `journal`; the first one follows None."""
    return Envelope(
        journal=journal,
        seq=head.seq + 1 if head else 1,
        previous=head.hash if head else GENESIS,
        kind=draft.kind,
        version=draft.version,
        at=draft.at,
        environment=draft.environment,
        run=draft.run,
        actor=draft.actor,
        change=draft.change,
        inventory_revision=draft.inventory_revision,
        payload=dict(draft.payload),
    )


def text_of(envelope: Envelope) -> str:
    """Return the canonical text of an envelope: what is stored, hashed and signed."""
    return canonical_text(envelope.model_dump(mode="json"), where=f"record {envelope.kind}")


def head_of(record: Record) -> Head:
    """Return the head a chain has when `record` is its last."""
    return Head(record.journal, record.envelope.seq, record.hash, record.at, record.key_id)


def head_text(head: Head) -> str:
    """Return the canonical text of a head, as it is signed."""
    return canonical_text({"journal": head.journal, "seq": head.seq, "hash": head.hash, "at": head.at}, where="head")


def read_envelope(text: str) -> Envelope:
    """Return the envelope of a stored text; raise ValueError when it is not exactly canonical or lacks a field."""
    try:
        return Envelope.model_validate(parse_canonical(text))
    except ValidationError as error:
        raise ValueError("not an envelope") from error


@dataclass
class ChainCheck:
    """Goes along one journal, record by record in order of seq, and keeps what it found.

    `introduced` are the key ids this journal may be signed with at this point: the one its first record names, which
    must be a pinned one when any is, and those that later journal.key records name.
    """

    journal: str
    keyring: Keyring
    anchors: tuple[Head, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    head: Head | None = None
    introduced: set[str] = field(default_factory=set)
    anchored: list[Head] = field(default_factory=list)
    gaps: int = 0

    def take(self, row: Stored) -> Envelope | None:
        """Check the next row; return its envelope when it can be read."""
        digest = sha256_hex(row.text)
        try:
            envelope = read_envelope(row.text)
        except ValueError as error:
            self._find(row.seq, Fault.CHANGED, f"the text is {error}")
            self._advance(row, digest, "")
            return None
        if digest != row.hash:
            self._find(row.seq, Fault.CHANGED, "the text does not have the stored hash")
        self._check_place(row, envelope)
        self._check_columns(row, envelope)
        self._check_seal(row, envelope)
        self._check_anchor(row.seq, digest)
        self._introduce(envelope)
        self.gaps += envelope.kind == "gap"
        self._advance(row, digest, envelope.at)
        return envelope

    def finish(self) -> None:
        """Hold the end of the chain against the anchors."""
        last = self.head.seq if self.head else 0
        for anchor in self.anchors:
            if anchor.seq > last:
                text = f"{anchor.seq - last} records are missing at the end, the anchor of {anchor.at} saw {anchor.seq}"
                self._find(last, Fault.CUT, text)

    def _check_place(self, row: Stored, envelope: Envelope) -> None:
        expected = self.head.seq + 1 if self.head else 1
        if envelope.seq != row.seq or envelope.journal != row.journal:
            self._find(row.seq, Fault.REORDERED, f"the text was written as {envelope.journal}:{envelope.seq}")
        if row.seq > expected:
            missing = f"{expected}" if row.seq == expected + 1 else f"{expected} to {row.seq - 1}"
            self._find(row.seq, Fault.REMOVED, f"record {missing} before it is missing")
        elif row.seq < expected:
            self._find(row.seq, Fault.INSERTED, "the place is taken twice")
        if envelope.previous != (self.head.hash if self.head else GENESIS) and row.seq <= expected:
            self._find(
                row.seq, Fault.REORDERED, "it does not follow the record before it, one of the two is not in its place"
            )

    def _check_columns(self, row: Stored, envelope: Envelope) -> None:
        for name in _COLUMNS:
            if name in row.columns and row.columns[name] != getattr(envelope, name):
                self._find(row.seq, Fault.CHANGED, f"the column {name} says something else than the text")

    def _check_seal(self, row: Stored, envelope: Envelope) -> None:
        if self.head is None and row.seq == 1 and not self.introduced:
            self._open(row, envelope)
        if row.key_id not in self.introduced:
            self._find(row.seq, Fault.KEY, "it is signed by a key that no earlier record introduced")
        if self.keyring.verifies(row.key_id, row.text, row.signature) is not True:
            self._find(row.seq, Fault.SIGNATURE, "the signature is not the key's over this text")

    def _open(self, row: Stored, envelope: Envelope) -> None:
        if envelope.kind != "journal.opened":
            self._find(row.seq, Fault.REMOVED, "a journal begins with journal.opened, this one does not")
        self._introduce(envelope)
        pinned = self.keyring.pinned_for(self.journal)
        if pinned and row.key_id not in pinned:
            self._find(row.seq, Fault.KEY, "the journal was opened with a key that is not the known one")

    def _check_anchor(self, seq: int, digest: str) -> None:
        for anchor in self.anchors:
            if anchor.seq != seq:
                continue
            if anchor.hash == digest:
                self.anchored.append(anchor)
            else:
                self._find(seq, Fault.CHANGED, f"the anchor of {anchor.at} saw another record here")

    def _introduce(self, envelope: Envelope) -> None:
        jwk = envelope.payload.get("jwk")
        if envelope.kind in ("journal.opened", "journal.key") and isinstance(jwk, dict):
            self.introduced.add(str(jwk.get("kid", "")))
            self.keyring.learn(jwk)

    def _advance(self, row: Stored, digest: str, at: str) -> None:
        self.head = Head(self.journal, row.seq, digest, at, row.key_id)

    def _find(self, seq: int, fault: Fault, message: str) -> None:
        self.findings.append(Finding(self.journal, seq, fault, message))

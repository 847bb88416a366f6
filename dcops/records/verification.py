"""Verifying: every journal of a reader held against its hashes, signatures, keys and anchors. Reads, never writes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dcops.core.errors import UsageError
from dcops.records.anchors import Anchor
from dcops.records.chain import ChainCheck
from dcops.records.keyring import Keyring, KnownKey
from dcops.records.model import Fault, Finding, Head, Stored, Verification
from dcops.records.ports import Rows, StoreDamaged, StoreMissing, StoreUnavailable


@dataclass(frozen=True)
class Evidence:
    """What is known from outside the store.

    `local` are the key files beside it, `keys` those handed over on another way; `anchors` heads kept elsewhere, None
    when none were asked for. `waiting` counts spooled records.
    """

    local: tuple[KnownKey, ...] = ()
    keys: tuple[KnownKey, ...] = ()
    anchors: tuple[Anchor, ...] | None = None
    waiting: int = 0
    only: tuple[str, ...] = ()


@dataclass
class _Result:
    count: int = 0
    heads: list[Head] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unsealed: list[str] = field(default_factory=list)
    anchored: list[str] = field(default_factory=list)


def verify(reader: Rows, evidence: Evidence) -> Verification:
    """Return what is wrong with the journals of `reader`, and what verifying could not show."""
    keyring = Keyring()
    keyring.pin(evidence.local)
    keyring.override(evidence.keys)
    result = _Result()
    reader = _looked_into(reader, evidence, result)
    anchors = evidence.anchors or ()
    for journal in _journals(reader, evidence, result):
        own = tuple(anchor.head for anchor in anchors if anchor.head.journal == journal)
        _verify_one(reader.rows(journal), ChainCheck(journal, keyring, own), result)
        _say_what_is_not_shown(journal, own, keyring, evidence, result)
    result.findings += _bad_anchors(anchors, keyring, evidence.only)
    if evidence.waiting:
        result.unsealed.append(f"{evidence.waiting} records wait in the spool and are in no chain yet")
    return Verification(
        records=result.count,
        heads=tuple(result.heads),
        findings=tuple(result.findings),
        notes=tuple(result.notes),
        unsealed=tuple(result.unsealed),
        anchored=tuple(result.anchored),
    )


class _Gone:
    """The rows of a store that is not there any more."""

    def journals(self) -> tuple[str, ...]:
        return ()

    def rows(self, journal: str) -> Iterator[Stored]:  # noqa: ARG002
        return iter(())

    def check(self) -> tuple[str, ...]:
        return ()


def _looked_into(reader: Rows, evidence: Evidence, result: _Result) -> Rows:
    """Return the reader after a look at the store's own structure; one that is gone is a finding to an anchor."""
    try:
        result.findings += [Finding("store", 0, Fault.CHANGED, problem) for problem in reader.check()]
    except StoreDamaged as error:
        result.findings.append(Finding("store", 0, Fault.CHANGED, error.message))
    except StoreMissing as error:
        if not evidence.anchors:
            raise
        result.findings.append(Finding("store", 0, Fault.REMOVED, error.message))
        return _Gone()
    return reader


def _journals(reader: Rows, evidence: Evidence, result: _Result) -> list[str]:
    """Return the journals to look at: those there, and those that an anchor says should be there.

    Raises UsageError for a journal asked for by a name that is neither: verifying nothing must not look valid.
    """
    names = {anchor.head.journal for anchor in evidence.anchors or ()}
    try:
        names.update(reader.journals())
    except StoreDamaged as error:
        result.findings.append(Finding("store", 0, Fault.CHANGED, f"its journals cannot be listed: {error.message}"))
        names.update(known.journal for known in evidence.local)
    if strangers := set(evidence.only) - names:
        known = ", ".join(sorted(names)) or "none"
        raise UsageError("there is no such journal", where=min(strangers), hint=f"Known: {known}.")
    if not evidence.only:
        unwritten = {known.journal for known in evidence.local} - names - {""}
        result.notes += [f"{name}: has a key here but not one record" for name in sorted(unwritten)]
    return [name for name in sorted(names) if not evidence.only or name in evidence.only]


def _verify_one(rows: Iterable[Stored], check: ChainCheck, result: _Result) -> None:
    try:
        for row in rows:
            result.count += 1
            check.take(row)
    except StoreUnavailable as error:
        seq = check.head.seq if check.head else 0
        check.findings.append(Finding(check.journal, seq, Fault.CHANGED, f"nothing after this can be read: {error}"))
    check.finish()
    result.findings += check.findings
    if check.head is not None:
        result.heads.append(check.head)
    if check.gaps:
        result.notes.append(f"{check.journal}: {check.gaps} gap records, to be reviewed by two people")
    if check.anchored:
        last = max(check.anchored, key=lambda head: head.seq)
        result.anchored.append(f"{check.journal}:{last.seq} of {last.at}")
        if check.head is not None and check.head.seq > last.seq:
            result.notes.append(f"{check.journal}: {check.head.seq - last.seq} records came after the anchor")


def _say_what_is_not_shown(
    journal: str, own: Sequence[Head], keyring: Keyring, evidence: Evidence, result: _Result
) -> None:
    if not keyring.pinned_for(journal):
        result.notes.append(f"{journal}: nobody vouches for its first key; give --keys to say which it must be")
    if evidence.anchors is None:
        result.notes.append(f"{journal}: no anchor given, so a cut tail would not be seen")
    elif not own:
        result.unsealed.append(f"{journal}: no anchor covers it")


def _bad_anchors(anchors: Sequence[Anchor], keyring: Keyring, only: tuple[str, ...]) -> Iterator[Finding]:
    for anchor in anchors:
        head, signed = anchor.head, anchor.signed
        if only and head.journal not in only:
            continue
        verdict = keyring.verifies(signed.key_id, signed.text, signed.signature)
        if verdict is None:
            yield Finding(head.journal, head.seq, Fault.KEY, "the anchor is signed by a key that is not known here")
        elif not verdict:
            yield Finding(head.journal, head.seq, Fault.SIGNATURE, "the anchor's own signature is wrong")

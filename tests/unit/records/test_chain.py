"""The chain, held against every way to damage it: on plain values, no store."""

import dataclasses
from collections.abc import Callable

import pytest

from dcops.core.words import Environment
from dcops.records.canonical import sha256_hex
from dcops.records.chain import ChainCheck, envelope_after, head_of, read_envelope, text_of
from dcops.records.keyring import Keyring, KnownKey
from dcops.records.model import Draft, Fault, Finding, Head, Record, Stored
from dcops.records.sign import SigningKey

KEY, OTHER = SigningKey.generate(), SigningKey.generate()


def draft(kind: str = "observation", **payload: object) -> Draft:
    at = "2026-11-24T04:00:00.000000Z"
    return Draft(kind, 1, at, Environment.TWIN, None, "operator-1", None, None, payload)


def seal(head: Head | None, item: Draft, key: SigningKey = KEY, journal: str = "j") -> Record:
    envelope = envelope_after(head, item, journal)
    text = text_of(envelope)
    return Record(envelope, text, sha256_hex(text), key.sign(text), key.key_id)


def chain(count: int = 6, key: SigningKey = KEY) -> list[Stored]:
    rows: list[Stored] = []
    head = None
    for number in range(count):
        item = draft("journal.opened", host="j", jwk=key.public.jwk) if number == 0 else draft(number=number)
        record = seal(head, item, key)
        head = head_of(record)
        columns = {"kind": record.kind, "at": record.at, "run": None}
        rows.append(Stored("j", record.seq, record.text, record.hash, record.signature, record.key_id, columns))
    return rows


def check(rows: list[Stored], *, pinned: bool = True, anchors: tuple[Head, ...] = ()) -> list[Finding]:
    ring = Keyring()
    if pinned:
        ring.pin([KnownKey(KEY.public, "j")])
    found = ChainCheck("j", ring, anchors)
    for row in rows:
        found.take(row)
    found.finish()
    return found.findings


def faults(rows: list[Stored], **more: object) -> set[tuple[int, Fault]]:
    return {(finding.seq, finding.fault) for finding in check(rows, **more)}  # type: ignore[arg-type]


def replace(rows: list[Stored], index: int, **change: object) -> list[Stored]:
    return [dataclasses.replace(row, **change) if at == index else row for at, row in enumerate(rows)]  # type: ignore[arg-type]


def test_a_sound_chain_has_no_findings() -> None:
    assert check(chain()) == []
    assert check(chain(), pinned=False) == []
    assert check([]) == []


@pytest.mark.parametrize("index", range(6))
def test_every_single_changed_byte_is_found(index: int) -> None:
    rows = chain()
    text = rows[index].text
    for place in range(len(text)):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        assert check(replace(rows, index, text=changed)), (index, place)


def test_a_changed_record_with_its_hash_made_good_breaks_signature_and_link() -> None:
    rows = chain()
    text = rows[2].text.replace('"number":2', '"number":9')
    assert faults(replace(rows, 2, text=text, hash=sha256_hex(text))) == {(3, Fault.SIGNATURE), (4, Fault.REORDERED)}


def test_a_changed_hash_is_found() -> None:
    assert faults(replace(chain(), 3, hash="0" * 64)) == {(4, Fault.CHANGED)}


def test_a_changed_column_is_found() -> None:
    assert faults(replace(chain(), 3, columns={"kind": "backup.receipt"})) == {(4, Fault.CHANGED)}


@pytest.mark.parametrize("index", range(5))
def test_a_removed_record_is_found(index: int) -> None:
    rows = chain()
    found = check(rows[:index] + rows[index + 1 :])
    assert Fault.REMOVED in {finding.fault for finding in found}
    assert f"record {index + 1} before it is missing" in {finding.message for finding in found}


def test_removed_and_renumbered_is_found() -> None:
    rows = chain()
    kept = rows[:2] + [dataclasses.replace(row, seq=row.seq - 1) for row in rows[3:]]
    assert {Fault.REORDERED} == {fault for _, fault in faults(kept)}


def test_a_cut_tail_is_seen_by_an_anchor_only() -> None:
    rows = chain()
    anchor = Head("j", 6, rows[-1].hash, "2026-11-24T05:00:00.000000Z")
    assert check(rows[:4]) == []
    assert faults(rows[:4], anchors=(anchor,)) == {(4, Fault.CUT)}
    assert check(rows, anchors=(anchor,)) == []
    assert faults([], anchors=(anchor,)) == {(0, Fault.CUT)}


def test_a_rewritten_tail_is_seen_by_an_anchor() -> None:
    rows = chain()
    anchor = Head("j", 6, "f" * 64, "2026-11-24T05:00:00.000000Z")
    assert faults(rows, anchors=(anchor,)) == {(6, Fault.CHANGED)}


def test_two_swapped_records_are_found() -> None:
    rows = chain()
    rows[2], rows[3] = dataclasses.replace(rows[3], seq=3), dataclasses.replace(rows[2], seq=4)
    assert {seq for seq, fault in faults(rows) if fault is Fault.REORDERED} == {3, 4, 5}


def test_a_doubled_record_is_found() -> None:
    rows = chain()
    assert (3, Fault.INSERTED) in faults([*rows[:3], rows[2], *rows[3:]])


def test_an_inserted_record_signed_with_the_real_key_is_found() -> None:
    rows = chain()
    extra = seal(Head("j", 2, rows[1].hash, ""), draft(number=99))
    inserted = Stored("j", 3, extra.text, extra.hash, extra.signature, extra.key_id)
    renumbered = [dataclasses.replace(row, seq=row.seq + 1) for row in rows[2:]]
    assert {seq for seq, fault in faults([*rows[:2], inserted, *renumbered]) if fault is Fault.REORDERED} == {
        4,
        5,
        6,
        7,
    }


def test_a_record_by_a_key_nobody_introduced_is_found() -> None:
    rows = chain(3)
    stranger = seal(Head("j", 3, rows[-1].hash, ""), draft(number=3), OTHER)
    row = Stored("j", 4, stranger.text, stranger.hash, stranger.signature, stranger.key_id)
    assert (4, Fault.KEY) in faults([*rows, row])


def test_a_chain_rewritten_with_another_key_needs_the_known_key_to_be_seen() -> None:
    rows = chain(key=OTHER)
    assert faults(rows) == {(1, Fault.KEY)}
    assert check(rows, pinned=False) == []


def test_a_new_key_introduced_by_the_old_one_is_good() -> None:
    rows = chain(3)
    change = seal(Head("j", 3, rows[-1].hash, ""), draft("journal.key", jwk=OTHER.public.jwk, replaces=KEY.key_id))
    after = seal(head_of(change), draft(number=5), OTHER)
    more = [Stored("j", r.seq, r.text, r.hash, r.signature, r.key_id) for r in (change, after)]
    assert check([*rows, *more]) == []


def test_a_journal_without_its_opening_is_found() -> None:
    record = seal(None, draft(number=1))
    row = Stored("j", 1, record.text, record.hash, record.signature, record.key_id)
    assert {(1, Fault.REMOVED), (1, Fault.KEY)} <= faults([row])


def test_a_record_of_another_journal_is_found() -> None:
    rows = chain(3)
    foreign = seal(Head("x", 3, rows[-1].hash, ""), draft(), journal="x")
    row = Stored("j", 4, foreign.text, foreign.hash, foreign.signature, foreign.key_id)
    assert (4, Fault.REORDERED) in faults([*rows, row])


@pytest.mark.parametrize(
    "break_it",
    [lambda t: t[:-1], lambda t: t + " ", lambda t: "", lambda t: "{}", lambda t: t.replace('"run":null,', "")],
    ids=["torn", "space", "empty", "object", "field"],
)
def test_an_unreadable_text_is_a_finding_not_a_crash(break_it: Callable[[str], str]) -> None:
    rows = chain()
    assert (3, Fault.CHANGED) in faults(replace(rows, 2, text=break_it(rows[2].text)))
    with pytest.raises(ValueError):
        read_envelope(break_it(rows[2].text))

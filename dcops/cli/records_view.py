"""How records look to people: one line each in a list, everything in `show`. Times in Asia/Jakarta."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dcops.core.clock import WIB, parse_rfc3339
from dcops.core.errors import ParseError
from dcops.core.text import plural

if TYPE_CHECKING:
    from dcops.records.model import Record, Verification

COLUMNS = ("record", "time (WIB)", "kind", "environment", "run", "actor", "what")
_SUMMARY_LENGTH = 60
_HASH_DIGITS = 16


def local_time(at: str) -> str:
    """Write an RFC 3339 time as 2026-11-24 11:00:00 in Asia/Jakarta; a text that is no time stays as it is."""
    try:
        return parse_rfc3339(at).astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S")
    except ParseError:
        return at


def summary(payload: Mapping[str, Any]) -> str:
    """Write the first scalar fields of a payload as `name=value`, at most 60 characters."""
    scalars = (
        f"{key}={value}" for key, value in payload.items() if isinstance(value, str | int | float) and value != ""
    )
    text = " ".join(scalars)
    return text if len(text) <= _SUMMARY_LENGTH else f"{text[: _SUMMARY_LENGTH - 1]}…"


def row(record: "Record") -> tuple[str, ...]:
    """Return a record's cells for COLUMNS."""
    envelope = record.envelope
    return (
        f"{record.journal}:{record.seq}",
        local_time(record.at),
        record.kind,
        envelope.environment.value,
        (record.run or "-")[-6:],
        envelope.actor,
        summary(record.payload),
    )


def document(record: "Record") -> dict[str, Any]:
    """Return a record as JSON: the envelope's fields and, under `seal`, what proves them."""
    seal = {"hash": record.hash, "signature": record.signature, "key_id": record.key_id}
    return {**record.envelope.model_dump(mode="json"), "seal": seal}


def full_text(record: "Record") -> str:
    """Return all of a record for reading."""
    fields = document(record)
    payload, seal = fields.pop("payload"), fields.pop("seal")
    fields["at"] = f"{fields['at']}  ({local_time(record.at)} WIB)"
    lines = [f"{name:<20}{'-' if value is None else value}" for name, value in {**fields, **seal}.items()]
    return "\n".join([*lines, "payload", json.dumps(payload, indent=2, ensure_ascii=False)])


def verdict(found: "Verification") -> str:
    """Return invalid, unsealed or valid."""
    return "invalid" if found.findings else "unsealed" if found.unsealed else "valid"


def verification_document(found: "Verification") -> dict[str, Any]:
    """Return what verifying found as JSON."""
    return {
        "status": verdict(found),
        "records": found.records,
        "journals": [vars(head) for head in found.heads],
        "findings": [vars(finding) for finding in found.findings],
        "anchored": list(found.anchored),
        "unsealed": list(found.unsealed),
        "notes": list(found.notes),
    }


def verification_lines(found: "Verification") -> Iterable[str]:
    """Yield what verifying found, the verdict last."""
    for head in found.heads:
        yield f"{head.journal}: {head.seq} records, head {head.hash[:_HASH_DIGITS]} of {local_time(head.at)} WIB"
    yield from (f"anchored: {text}" for text in found.anchored)
    yield from (f"INVALID {finding}" for finding in found.findings)
    yield from (f"unsealed: {text}" for text in found.unsealed)
    yield from (f"note: {text}" for text in found.notes)
    findings = f", {plural(len(found.findings), 'finding')}" if found.findings else ""
    counts = f"{plural(found.records, 'record')} in {plural(len(found.heads), 'journal')}"
    yield f"{verdict(found)}: {counts}{findings}"

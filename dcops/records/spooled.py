"""A spooled record as one line: the draft, why it is here, and the writer's signature when the key was at hand."""

import json
from dataclasses import dataclass
from typing import Any

from dcops.core.words import Environment
from dcops.records.canonical import canonical_text, parse_canonical, sha256_hex
from dcops.records.model import Draft
from dcops.records.ports import Signer, StoreUnavailable


@dataclass(frozen=True)
class SpooledLine:
    """What one line holds; `draft` is None when it is unreadable or not signed by this writer."""

    draft: Draft | None
    reason: str
    at: str
    digest: str = ""


def write_line(line: SpooledLine, signer: Signer) -> str:
    """Return the line for a draft; unsigned when the key cannot be had either."""
    assert line.draft is not None
    fields: dict[str, Any] = {**vars(line.draft), "payload": dict(line.draft.payload)}
    text = canonical_text({"draft": fields, "reason": line.reason}, where="spool")
    try:
        signature = signer.sign(text)
    except StoreUnavailable:
        signature = ""
    return json.dumps({"text": text, "signature": signature}, ensure_ascii=False)


def read_line(text: str, signer: Signer) -> SpooledLine:
    """Return what a line holds. Ed25519 signatures are deterministic, so ours is found by signing again.

    An unsigned line is taken: it was written when not even the key could be read, and the gap record tells of it.
    """
    digest = sha256_hex(text)
    try:
        line = json.loads(text)
        inner, signature = line["text"], line["signature"]
        if signature and signer.sign(inner) != signature:
            raise ValueError("another key")
        content = parse_canonical(inner)
        fields = content["draft"]
        draft = Draft(**{**fields, "environment": Environment(fields["environment"])})
        return SpooledLine(draft, str(content["reason"]), draft.at, digest)
    except (ValueError, KeyError, TypeError):
        return SpooledLine(None, "", "", digest)

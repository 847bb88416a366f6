"""Anchors: signed heads of chains, to be kept where the writer cannot reach them. Pure.

The file is JSON: `{"heads": [{"text", "signature", "key_id"}], "keys": [JWK, ...]}`; each text is the RFC 8785 JSON of
`{at, hash, journal, seq}`. The keys are those known where the anchor was made.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from dcops.core.errors import DcopsError
from dcops.records.canonical import parse_canonical
from dcops.records.chain import head_text
from dcops.records.keyring import KnownKey, key_set, read_key_set
from dcops.records.model import Head, SignedHead
from dcops.records.ports import Signer


@dataclass(frozen=True)
class Anchor:
    """One signed head, read."""

    head: Head
    signed: SignedHead


class _HeadText(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    at: str
    hash: str
    journal: str
    seq: int


def sign_head(head: Head, signer: Signer) -> SignedHead:
    """Return the head as this writer's signed word: it saw that journal end there."""
    text = head_text(head)
    return SignedHead(text=text, signature=signer.sign(text), key_id=signer.key_id)


def anchor_text(heads: Iterable[SignedHead], known: Iterable[KnownKey]) -> str:
    """Return the content of an anchor file."""
    document = {"heads": [head.model_dump() for head in heads], **key_set(known)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_anchor(text: str, *, where: str) -> tuple[tuple[Anchor, ...], tuple[KnownKey, ...]]:
    """Return the heads and keys of an anchor file, signatures not yet checked; raise DcopsError when it is none."""
    try:
        document = json.loads(text)
        signed = [SignedHead.model_validate(head) for head in document["heads"]]
        anchors = tuple(Anchor(_read_head(head), head) for head in signed)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise DcopsError("this is no anchor", where=where, hint="Make one with dcops records head.") from error
    return anchors, read_key_set(text, where=where) if "keys" in document else ()


def _read_head(signed: SignedHead) -> Head:
    found = _HeadText.model_validate(parse_canonical(signed.text))
    return Head(found.journal, found.seq, found.hash, found.at, signed.key_id)

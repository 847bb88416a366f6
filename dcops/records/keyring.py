"""The public keys known from outside a chain, as a JWK set: which key id belongs to which journal.

A JWK set file is `{"keys": [{kty, crv, x, kid, use, alg, journal}, ...]}`; `journal` is a member of our own (RFC 7517
lets a reader ignore it).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dcops.core.errors import DcopsError
from dcops.records.sign import PublicKey


@dataclass(frozen=True)
class KnownKey:
    """A public key and the journal it signs for; an empty journal means any."""

    key: PublicKey
    journal: str = ""


@dataclass
class Keyring:
    """Keys by id. `pinned` ones were given from outside; the others were read in the chains themselves."""

    keys: dict[str, PublicKey] = field(default_factory=dict)
    pinned: dict[str, set[str]] = field(default_factory=dict)

    def pin(self, known: Iterable[KnownKey]) -> None:
        """Trust these keys for their journals."""
        for item in known:
            self.keys[item.key.key_id] = item.key
            self.pinned.setdefault(item.journal, set()).add(item.key.key_id)

    def learn(self, jwk: Mapping[str, Any]) -> None:
        """Take a key that a chain itself introduces: enough to check signatures, not to trust the journal."""
        try:
            key = PublicKey.from_jwk(dict(jwk))
        except DcopsError:
            return
        self.keys.setdefault(key.key_id, key)

    def pinned_for(self, journal: str) -> frozenset[str]:
        """Return the key ids trusted for a journal; empty when nobody vouches for it."""
        return frozenset(self.pinned.get(journal, set()) | self.pinned.get("", set()))

    def override(self, known: Iterable[KnownKey]) -> None:
        """Trust these keys in place of those pinned before for the same journals: they come from farther away."""
        known = tuple(known)
        for item in known:
            self.pinned.pop(item.journal, None)
        self.pin(known)

    def verifies(self, key_id: str, text: str, signature: str) -> bool | None:
        """Say whether the key signed the text; None when the key is not known."""
        key = self.keys.get(key_id)
        return None if key is None else key.verifies(text, signature)


def read_key_set(text: str, *, where: str) -> tuple[KnownKey, ...]:
    """Return the keys of a JWK set; raise DcopsError when it is none."""
    try:
        found = json.loads(text)["keys"]
        return tuple(KnownKey(PublicKey.from_jwk(jwk, where=where), str(jwk.get("journal", ""))) for jwk in found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DcopsError("this is no JWK set", where=where, hint="Expected {'keys': [...]}.") from error


def key_set(known: Iterable[KnownKey]) -> dict[str, list[dict[str, str]]]:
    """Return a JWK set, one entry a key and journal."""
    return {"keys": [{**item.key.jwk, "journal": item.journal} for item in known]}

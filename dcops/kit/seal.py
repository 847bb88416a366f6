"""The kit's key: how it is split, how it seals the secrets, and what shares must be to open them. Pure.

The secrets are one JSON text, sealed by AES-256-GCM (NIST SP 800-38D) under a key that was made for this kit alone and
is forgotten once it is split; the kit's id is authenticated with it, so a sealed part moved into another kit does not
open.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dcops.core.errors import DcopsError, WrongKey
from dcops.kit import shamir
from dcops.kit.model import About, SecretItem, Share
from dcops.kit.parse import SIGNER_BYTES, share_sha256, share_text

Randomness = Callable[[int], bytes]
KEY_BYTES, _NONCE = 32, 12
# scrypt's cost (RFC 7914): 32 MiB and about a tenth of a second for each guess at a secret.
_COST = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**27, "dklen": 32}


class SharesRefused(WrongKey):
    """These shares do not open this kit; the message says which and why."""


def split_key(key: bytes, kit: str, signer: bytes, threshold: int, shares: int, random: Randomness) -> list[Share]:
    """Return the shares of a key, in order of their index."""
    randomness = random((threshold - 1) * len(key))
    points = shamir.split(key, threshold=threshold, shares=shares, randomness=randomness)
    return [Share(kit, threshold, shares, index, signer, value) for index, value in points.items()]


def signer_tag(raw: bytes) -> bytes:
    """Return what shares say of a raw public key."""
    return hashlib.sha256(raw).digest()[:SIGNER_BYTES]


def seal_secrets(items: Sequence[SecretItem], key: bytes, kit: str, random: Randomness) -> bytes:
    """Return nonce and ciphertext of the secrets."""
    text = json.dumps({each.name: {"file": each.file, "value": each.value} for each in items}, sort_keys=True)
    nonce = random(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), _bound(kit))


def unseal_secrets(sealed: bytes, key: bytes, about: About) -> list[SecretItem]:
    """Return the secrets; raise SharesRefused when the key is not the one that sealed them."""
    try:
        text = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(about.kit))
    except (InvalidTag, ValueError):
        raise SharesRefused("the shares do not open the secrets", where=f"kit {about.kit}") from None
    found = json.loads(text)
    facts = {each.name: each for each in about.secrets}
    if sorted(found) != sorted(facts) or any(found[name]["file"] != facts[name].file for name in found):
        raise DcopsError("the secrets are not those that the kit lists", where=f"kit {about.kit}")
    return [SecretItem(n, facts[n].ref, facts[n].file, facts[n].purpose, found[n]["value"]) for n in facts]


def fingerprint(value: str, salt: bytes) -> str:
    """Return a slow hash of a secret: equal for the same secret and salt, and little help to whoever guesses."""
    return hashlib.scrypt(value.encode(), salt=salt, **_COST).hex()


def key_of(about: About, signer: bytes, shares: Iterable[tuple[str, Share]]) -> bytes:
    """Return the key that shares (where each came from, the share) give for a kit.

    Raises SharesRefused: of another kit, mixed, changed, contradicting each other, or too few; the first that applies.
    """
    found: dict[int, bytes] = {}
    for where, share in shares:
        require_of(about, signer, where, share)
        if found.setdefault(share.index, share.value) != share.value:
            raise SharesRefused(f"share {share.index} was given twice with different content", where=where)
    if len(found) < about.threshold:
        numbers = ", ".join(map(str, sorted(found))) or "none"
        lacking = about.threshold - len(found)
        hint = f"{lacking} more of {about.shares} needed; here: {numbers}."
        raise SharesRefused(f"{len(found)} different shares are too few", where=f"kit {about.kit}", hint=hint)
    return shamir.combine(found)


def require_of(about: About, signer: bytes, where: str, share: Share) -> None:
    """Raise SharesRefused unless a share was made with this very kit."""
    if share.kit != about.kit:
        hint = f"This kit is {about.kit}. Shares of an older kit open that one only."
        raise SharesRefused(f"this share belongs to kit {share.kit}", where=where, hint=hint)
    if share.signer != signer:
        hint = "The archive was signed again by somebody else: do not use it."
        raise SharesRefused("this share was made for a kit signed by another key", where=where, hint=hint)
    same = (share.threshold, share.shares) == (about.threshold, about.shares) and 1 <= share.index <= about.shares
    if not same or share_sha256(share_text(share)) != about.share_sha256[share.index - 1]:
        raise SharesRefused(f"share {share.index} is not the one that was handed out", where=where)


def _bound(kit: str) -> bytes:
    return f"dcops recovery kit secrets 1 {kit}".encode("ascii")

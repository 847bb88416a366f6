"""Ed25519 keys and signatures over canonical texts, and the public keys as JWK (RFC 8037).

A signature covers the UTF-8 bytes of the stored text, nothing more, so `openssl pkeyutl -verify -rawin` checks it.
A key's id is its RFC 7638 thumbprint: it is computed, never chosen, so one id cannot stand for two keys.
Signatures and keys are base64url without padding, as in JWS.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from dcops.core.errors import DcopsError


@dataclass(frozen=True)
class PublicKey:
    """The public half: 32 raw bytes."""

    raw: bytes

    @property
    def key_id(self) -> str:
        """RFC 7638 thumbprint, base64url, 43 characters."""
        text = f'{{"crv":"Ed25519","kty":"OKP","x":"{encode(self.raw)}"}}'
        return encode(hashlib.sha256(text.encode("ascii")).digest())

    @property
    def jwk(self) -> dict[str, str]:
        """The key as JWK with `kid`, `use` and `alg`."""
        return {"kty": "OKP", "crv": "Ed25519", "x": encode(self.raw), "kid": self.key_id, "use": "sig", "alg": "EdDSA"}

    @property
    def pem(self) -> str:
        """The key as SubjectPublicKeyInfo PEM, which openssl reads."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def verifies(self, text: str, signature: str) -> bool:
        """Say whether `signature` (base64url) is this key's over `text`; a malformed signature is simply not."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(decode(signature), text.encode("utf-8"))
        except (InvalidSignature, ValueError):
            return False
        return True

    @classmethod
    def from_jwk(cls, jwk: dict[str, Any], *, where: str = "jwk") -> "PublicKey":
        """Read a JWK; raise DcopsError when it is no Ed25519 key or its `kid` is not its thumbprint."""
        try:
            raw = decode(jwk["x"])
        except (KeyError, TypeError, ValueError) as error:
            raise DcopsError("this is no Ed25519 public key", where=where) from error
        if jwk.get("crv") != "Ed25519" or jwk.get("kty") != "OKP" or len(raw) != 32:
            raise DcopsError("this is no Ed25519 public key", where=where)
        key = cls(raw)
        if jwk.get("kid", key.key_id) != key.key_id:
            raise DcopsError("the key id is not the key's thumbprint", where=where)
        return key

    @classmethod
    def from_pem(cls, pem: str | bytes, *, where: str = "public key") -> "PublicKey":
        """Read a PEM public key; raise DcopsError when it is none or not Ed25519."""
        data = pem.encode("ascii", "replace") if isinstance(pem, str) else pem
        try:
            key = load_pem_public_key(data)
        except ValueError as error:
            raise DcopsError("this is no PEM public key", where=where) from error
        if not isinstance(key, Ed25519PublicKey):
            raise DcopsError("the key is not Ed25519", where=where)
        return cls(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


class SigningKey:
    """A private key that signs texts and hides itself in every print."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.key_id = self.public.key_id

    @classmethod
    def generate(cls) -> "SigningKey":
        """Make a new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes, *, where: str = "private key") -> "SigningKey":
        """Read a PKCS8 PEM; raise DcopsError without quoting any of it."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise DcopsError("this is no unencrypted PEM private key", where=where) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise DcopsError("the key is not Ed25519", where=where)
        return cls(key)

    def to_pem(self) -> bytes:
        """The key as PKCS8 PEM, for a file of mode 0600 and nothing else."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, text: str) -> str:
        """Return the signature over the UTF-8 bytes of `text`, base64url without padding."""
        return encode(self._key.sign(text.encode("utf-8")))

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"


def encode(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes of base64url without padding; raise ValueError when it is none."""
    if not isinstance(text, str) or "=" in text or len(text) % 4 == 1:
        raise ValueError("not base64url")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

"""RFC 3161 time stamps: the question to an authority, and what its answer is worth. Opens no connection.

An answer is worth something only by a certificate that came on another way than the answer: `check_issuer` takes the
authority's own root, never what the token carries. The certificates need to be valid at the token's time, not now.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import new
from typing import TypeVar

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from dcops.core.errors import DcopsError, JournalInvalid

T = TypeVar("T")
# RFC 5754; SHA-1 and older hashes prove nothing any more.
_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_WHY = re.compile(r"Verify error: ?([^\"]+)")


@dataclass(frozen=True)
class Question:
    """A request as it is sent, and the number only an answer to it can carry."""

    der: bytes
    nonce: int


@dataclass(frozen=True)
class Stamp:
    """What a token says: this was there at `at`, give or take the accuracy; the serial number is the authority's."""

    at: datetime
    accuracy_seconds: float
    serial: int


def ask(data: bytes) -> Question:
    """Return the request for a token over the SHA-256 of `data`, with a new random nonce."""
    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    return Question(request.as_bytes(), request.nonce or 0)


def read_answer(raw: bytes, data: bytes, *, where: str, nonce: int | None = None) -> Stamp:
    """Return what an answer says; raise JournalInvalid unless it was granted, over `data`, and for this `nonce`.

    Who gave it is not checked here.
    """
    answer = _parsed(where, lambda: decode_timestamp_response(raw))
    if answer.status != PKIStatus.GRANTED:
        said = f": {'; '.join(answer.status_string)}" if answer.status_string else ""
        raise JournalInvalid(f"the authority granted no time stamp, status {answer.status}{said}"[:200], where=where)
    told = _parsed(where, lambda: answer.tst_info)
    if nonce is not None and told.nonce != nonce:
        raise JournalInvalid("the time stamp answers another request", where=where)
    hash_name = _HASHES.get(told.message_imprint.hash_algorithm.dotted_string)
    if hash_name is None or new(hash_name, data).digest() != told.message_imprint.message:
        raise JournalInvalid("the time stamp is over something else", where=where)
    return Stamp(told.gen_time.astimezone(UTC), _accuracy(told.accuracy), told.serial_number)


def check_issuer(raw: bytes, data: bytes, certificates: str, *, where: str) -> None:
    """Raise JournalInvalid unless the token was signed by an authority below one of these PEM `certificates`.

    Its certificate must be for time stamping and nothing may be missing between it and a self-signed one given here.
    """
    roots, others = split_certificates(certificates, where=where)
    builder = VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    for other in others:
        builder = builder.add_intermediate_certificate(other)
    answer = _parsed(where, lambda: decode_timestamp_response(raw))
    try:
        _parsed(where, lambda: builder.build().verify_message(answer, data))
    except VerificationError as error:
        why = _WHY.search(str(error))
        reason = why[1].strip() if why else str(error).split("ErrorStack")[0].strip(" :.")
        raise JournalInvalid(f"the time stamp is not this authority's: {reason}", where=where) from error


def split_certificates(pem: str, *, where: str) -> tuple[list[Certificate], list[Certificate]]:
    """Return the self-signed certificates and the others; raise DcopsError when there is no self-signed one."""
    try:
        found = load_pem_x509_certificates(pem.encode("ascii", "replace"))
    except ValueError as error:
        raise DcopsError("this is no PEM certificate", where=where, hint="Give the authority's root.") from error
    roots = [each for each in dict.fromkeys(found) if each.issuer == each.subject]
    if not roots:
        raise DcopsError("no certificate here is self-signed", where=where, hint="Add the authority's root.")
    return roots, [each for each in dict.fromkeys(found) if each not in roots]


def _accuracy(accuracy: object) -> float:
    """Return the seconds of a token's accuracy; absent parts are nothing."""
    parts = (("seconds", 1.0), ("millis", 1e-3), ("micros", 1e-6))
    return float(sum((getattr(accuracy, name, None) or 0) * unit for name, unit in parts))


def _parsed(where: str, call: Callable[[], T]) -> T:
    """Return the answer of a parser of foreign bytes; whatever it cannot read is an invalid time stamp."""
    try:
        return call()
    except VerificationError:
        raise
    except Exception as error:
        raise JournalInvalid("the time stamp cannot be read", where=where) from error

"""Makes the lab's own keys, certificates and passwords at the first `lab up`; a second call changes nothing.

Everything lies in the twin's `secrets/` folder (0700, files 0600). None of it is of use outside the twin.
"""

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError
from dcops.core.files import private_dir, write_atomic
from dcops.records.sign import SigningKey

_CA_YEARS = 10
_LEAF_DAYS = 825


def ensure_text(folder: Path, name: str) -> str:
    """Give the random text kept in `folder/name` (43 characters), made at the first call."""
    path = folder / name
    if not path.exists():
        write_atomic(path, secrets.token_urlsafe(32) + "\n", 0o600)
    return path.read_text().strip()


def ensure_ssh_key(folder: Path, name: str, comment: str) -> str:
    """Give the public line of the ed25519 key pair `name`, `name.pub` in `folder`, made at the first call."""
    private, public = folder / name, folder / f"{name}.pub"
    if not (private.exists() and public.exists()):
        key = Ed25519PrivateKey.generate()
        text = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        write_atomic(public, f"{text} {comment}\n", 0o644)
        write_atomic(private, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), 0o600)
    return public.read_text().strip()


def ensure_signing_key(folder: Path, name: str) -> SigningKey:
    """Give the key that signs the nodes' identities, made at the first call."""
    path = folder / name
    if not path.exists():
        write_atomic(path, SigningKey.generate().to_pem(), 0o600)
    return SigningKey.from_pem(path.read_bytes(), where=str(path))


def ensure_authority(folder: Path, name: str, title: str) -> None:
    """Make a certificate authority `name.crt`, `name.key` unless it is there."""
    key_path, path = folder / f"{name}.key", folder / f"{name}.crt"
    if key_path.exists() and path.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    builder = _builder(subject, subject, key.public_key(), _CA_YEARS * 365)
    usage = _usage(is_authority=True)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_pair(folder, name, key, certificate)


def ensure_certificate(
    folder: Path, name: str, authority: str, subjects: Sequence[str], *, is_client: bool = False
) -> None:
    """Make the server certificate `name.crt`, `name.key` for `subjects` (names and addresses, the first names it).

    Made anew when the one there lacks a subject or was signed by another authority. With `is_client` its holder may
    show it to a server, too.
    """
    if _covers(folder, name, authority, subjects):
        return
    issuer = x509.load_pem_x509_certificate((folder / f"{authority}.crt").read_bytes())
    issuer_key = load_pem_private_key((folder / f"{authority}.key").read_bytes(), None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise DcopsError("not the key of a lab authority", where=str(folder / f"{authority}.key"))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subjects[0][:64])])
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if is_client else [])]
    certificate = (
        _builder(subject, issuer.subject, key.public_key(), _LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(s) for s in subjects]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    _write_pair(folder, name, key, certificate)


def _covers(folder: Path, name: str, authority: str, subjects: Sequence[str]) -> bool:
    path = folder / f"{name}.crt"
    if not (path.exists() and (folder / f"{name}.key").exists()):
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    issuer = x509.load_pem_x509_certificate((folder / f"{authority}.crt").read_bytes())
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_general(subject) for subject in subjects} <= set(names)


def _general(subject: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(subject))
    except ValueError:
        return x509.DNSName(subject)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    private_dir(folder)
    write_atomic(folder / f"{name}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    write_atomic(folder / f"{name}.crt", certificate.public_bytes(Encoding.PEM), 0o644)

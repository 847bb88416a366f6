"""The HTTPS question against a real TLS server whose certificate is made here."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dcops.core.words import Status
from dcops.registry.https import HttpsAsker


def make_certificate(folder: Path, name: str, *, days: int = 1) -> None:
    """A self-signed certificate for 127.0.0.1, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    start = now - dt.timedelta(days=2)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(pem))
    (folder / f"{name}.crt").chmod(0o600)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(private)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/endless":
            self._drip()
            return
        status = 200 if self.path == "/health" else 503
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self) -> None:
        """Promise much and send a byte now and then, until the asker goes or 8 s are over."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with suppress(OSError):
            for _ in range(80):
                self.wfile.write(b"x")
                time.sleep(0.1)

    def log_message(self, *_args: object) -> None:
        return


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("secrets")
    for name, days in (("pdn", 1), ("other", 1), ("old", -1)):
        make_certificate(found, name, days=days)
    return found


def serve(folder: Path, name: str) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def gateway(folder: Path) -> Iterator[str]:
    yield from serve(folder, "pdn")


@pytest.fixture(scope="module")
def expired(folder: Path) -> Iterator[str]:
    yield from serve(folder, "old")


@pytest.fixture
def asker(folder: Path) -> HttpsAsker:
    return HttpsAsker(lambda ref: folder / ref.removeprefix("file:"), timeout_seconds=2)


def test_an_answer_over_the_named_authority_is_well(asker: HttpsAsker, gateway: str) -> None:
    check = asker.ask(f"{gateway}/health", "file:pdn.crt")
    assert check.state is Status.PASS, check
    assert check.latency_seconds is not None
    assert check.detail == "answers 200"


def test_another_authority_is_a_failure(asker: HttpsAsker, gateway: str) -> None:
    check = asker.ask(f"{gateway}/health", "file:other.crt")
    assert (check.state, check.detail) == (Status.FAIL, "its certificate is not one of the named authority")


def test_an_expired_certificate_is_a_failure(asker: HttpsAsker, expired: str) -> None:
    assert asker.ask(f"{expired}/health", "file:old.crt").state is Status.FAIL


def test_an_error_status_is_a_failure(asker: HttpsAsker, gateway: str) -> None:
    check = asker.ask(f"{gateway}/", "file:pdn.crt")
    assert (check.state, check.detail) == (Status.FAIL, "answers 503")


def test_an_answer_without_an_end_costs_nothing(asker: HttpsAsker, gateway: str) -> None:
    began = time.monotonic()
    assert asker.ask(f"{gateway}/endless", "file:pdn.crt").state is Status.PASS
    assert time.monotonic() - began < 2


def test_nobody_there_is_a_failure(asker: HttpsAsker) -> None:
    assert asker.ask("https://127.0.0.1:9/health", "file:pdn.crt").state is Status.FAIL


def test_without_the_authority_the_question_is_not_asked(asker: HttpsAsker, gateway: str) -> None:
    check = asker.ask(f"{gateway}/health", "file:missing.crt")
    assert check.state is Status.UNKNOWN
    assert "cannot be read" in check.detail

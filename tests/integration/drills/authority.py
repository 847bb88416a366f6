"""A real time-stamp authority on loopback: `openssl ts -reply` behind a small HTTP server, and how one could lie."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/leaf.pem
signer_key = {folder}/key.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.55555.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Authority:
    """A root, a certificate for time stamping below it, and the program that answers."""

    def __init__(self, folder: Path, name: str, *, days_left: float = 2) -> None:
        folder.mkdir()
        self._until = datetime.now(UTC) + timedelta(days=days_left)
        self.folder, self.root = folder, folder / "root.pem"
        self._root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self._names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, f"{name} root")]
        root = _builder(self._names[1], self._names[1], self._root_key.public_key(), self._until)
        root = root.add_extension(x509.BasicConstraints(True, None), True)
        self.root.write_bytes(root.sign(self._root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        self._leaf = _builder(self._names[0], self._names[1], key.public_key(), self._until)
        self.leaf = self.certify(ExtendedKeyUsageOID.TIME_STAMPING)
        (folder / "leaf.pem").write_bytes(self.leaf.public_bytes(Encoding.PEM))
        (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))

    def certify(self, usage: x509.ObjectIdentifier) -> x509.Certificate:
        """Give a certificate of the one key and serial number, for `usage`."""
        return self._leaf.add_extension(x509.ExtendedKeyUsage([usage]), True).sign(self._root_key, hashes.SHA256())

    def answer(self, query: bytes) -> bytes:
        """Give the response to a request, as DER."""
        (self.folder / "query.tsq").write_bytes(query)
        subprocess.run(
            ["openssl", "ts", "-reply", "-queryfile", "query.tsq", "-config", "tsa.cnf", "-out", "reply.tsr"],
            cwd=self.folder, check=True, capture_output=True, timeout=20,
        )  # fmt: skip
        return (self.folder / "reply.tsr").read_bytes()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=3)).not_valid_after(until)
    )  # fmt: skip


class Desk(ThreadingHTTPServer):
    """Where the authority is asked; `lie` says how it misbehaves, `replay` is what it answers instead."""

    daemon_threads = True

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Clerk)
        self.authority, self.lie, self.replay, self.asked = authority, "", b"", 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/stamp"


class _Clerk(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        desk = self.server
        desk.asked += 1
        query = self.rfile.read(int(self.headers["Content-Length"]))
        is_query = self.headers["Content-Type"] == "application/timestamp-query"
        body = desk.replay or (desk.authority.answer(query) if is_query else b"")
        if desk.lie == "long":
            body += bytes(1 << 20)
        if desk.lie == "garbled":
            body = body[:100] + bytes([body[100] ^ 1]) + body[101:]
        self.send_response(503 if desk.lie == "busy" else 200)
        kind = "text/html; charset=utf-8" if desk.lie == "html" else "application/timestamp-reply"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if desk.lie == "slow":
            with suppress(BrokenPipeError):
                for place in range(len(body)):
                    self.wfile.write(body[place : place + 1])
                    time.sleep(0.2)
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def open_desk(authority: Authority) -> Iterator[Desk]:
    """Serve an authority on a free port of this machine."""
    with Desk(authority) as desk:
        thread = threading.Thread(target=desk.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield desk
        finally:
            desk.shutdown()
            thread.join()

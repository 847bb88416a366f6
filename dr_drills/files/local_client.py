"""A client inside a site: sends one letter after another and keeps what was acknowledged. Standard library only.

local_client.py ADDRESS PORT NAME CA LEDGER     one JSON line each in LEDGER: at, id, acknowledged, site
"""

import http.client
import json
import socket
import ssl
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

LETTER = {
    "nomor": "UJI-1",
    "perihal": "Uji pemisahan",
    "pengirim": "klien setempat",
    "penerima": "Biro Umum",
    "isi": "Surat uji dari dalam situs.",
}
PAUSE_SECONDS = 0.25
TIMEOUT_SECONDS = 3.0


def send(address: str, port: int, name: str, context: ssl.SSLContext, letter: dict[str, str]) -> str | None:
    """Give the site that acknowledged the letter, or None."""
    body = json.dumps(letter)
    try:
        with (
            socket.create_connection((address, port), TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            head = f"POST /surat HTTP/1.1\r\nHost: {name}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            secured.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            answer = http.client.HTTPResponse(secured)
            answer.begin()
            return str(json.loads(answer.read())["diterima_di"]) if answer.status == 201 else None
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None


def main() -> None:
    """Send until ended."""
    address, port, name, ca, ledger = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    with Path(ledger).open("a", encoding="utf-8") as handle:
        while True:
            letter = {"id": str(uuid.uuid4()), **LETTER}
            site = send(address, int(port), name, context, letter)
            line = {
                "at": datetime.now(UTC).isoformat(),
                "id": letter["id"],
                "acknowledged": site is not None,
                "site": site,
            }
            handle.write(json.dumps(line) + "\n")
            handle.flush()
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()

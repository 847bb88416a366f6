#!/usr/bin/env python3
"""The outside observer: writes letters to the service address, and keeps its own ledger of what was acknowledged.

It runs at the national side (pdn-gw1), knows nothing of the ministry's tools and uses the standard library only.

    observer.py run      write one letter each 0.5 s; serve the ledger on :8444 and the gateway's health on :443
    observer.py summary  outage seen since a moment: --since RFC3339
    observer.py check    ask the service for every letter acknowledged between --since and --until; lists the lost ones
    observer.py checks   what such checks found, at their time

A line of the ledger is one attempt: {"t", "id", "ok", "site", "status", "latency", "error"}. `t` is when the answer
came (UTC), `latency` seconds. An attempt is on disk (fsync) before the next one starts.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONFIG = "/etc/observer/observer.json"
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Config:
    """What to observe and where to keep the ledger; read from JSON, every key may be left out."""

    address: str = "198.18.100.10"
    port: int = 8443
    server_name: str = "naskah.pmk.test"
    service_ca: str = "/etc/observer/service-ca.crt"
    ledger: str = "/var/lib/observer/ledger.jsonl"
    interval_seconds: float = 0.5
    timeout_seconds: float = 2.0
    listen: str = "0.0.0.0"  # a gateway's public face
    ledger_port: int = 8444
    health_port: int = 443
    certificate: str = "/etc/observer/gw.crt"
    key: str = "/etc/observer/gw.key"


def load_config(path: str) -> Config:
    """Read the JSON file; without the file the defaults hold. Raises ValueError on an unknown key."""
    if not Path(path).exists():
        return Config()
    given = json.loads(Path(path).read_text(encoding="utf-8"))
    unknown = set(given) - {item.name for item in fields(Config)}
    if unknown:
        raise ValueError(f"{path}: unknown key {sorted(unknown)[0]}")
    return Config(**given)


def utc_text() -> str:
    """Now, as RFC 3339 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Parse RFC 3339; a time without a zone is UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


# --- the service -----------------------------------------------------------------------------------------------


class PinnedConnection(http.client.HTTPSConnection):
    """HTTPS to one address whose certificate must be good for `server_name`; no name is looked up."""

    def __init__(self, config: Config, context: ssl.SSLContext) -> None:
        """Nothing is opened yet."""
        super().__init__(config.address, config.port, timeout=config.timeout_seconds, context=context)
        self._server_name, self._tls = config.server_name, context

    def connect(self) -> None:
        """Open TCP and TLS, and leave the answer what is left of the timeout. Raises OSError."""
        end = time.monotonic() + (self.timeout or 0)
        plain = socket.create_connection((self.host, self.port), self.timeout)
        try:
            plain.settimeout(max(0.05, end - time.monotonic()))
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._server_name)
            self.sock.settimeout(max(0.05, end - time.monotonic()))
        except BaseException:
            plain.close()
            raise


def ask(config: Config, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request on a fresh connection, so that each one takes the route of its moment.

    Returns (status, decoded JSON or None). Raises OSError or http.client.HTTPException when there is no answer within
    the timeout.
    """
    context = ssl.create_default_context(cafile=config.service_ca)
    connection = PinnedConnection(config, context)
    try:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Host": config.server_name}
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        raw = answer.read(1 << 20)
    finally:
        connection.close()
    try:
        return answer.status, json.loads(raw)
    except ValueError:
        return answer.status, None


def attempt(config: Config, number: int) -> dict[str, Any]:
    """Send one letter; the ledger's line for it. Acknowledged means: 201 with this letter's id."""
    letter_id = str(uuid.uuid4())
    letter = {
        "id": letter_id,
        "nomor": f"PDN-{number}",
        "perihal": "Pengamatan",
        "pengirim": "pdn-gw1",
        "penerima": "Biro Umum",
        "isi": f"Surat pengamatan nomor {number}.",
    }
    line: dict[str, Any] = {"id": letter_id, "ok": False, "site": None, "status": None, "error": None}
    start = time.monotonic()
    try:
        line["status"], answer = ask(config, "POST", "/surat", letter)
        answer = answer if isinstance(answer, dict) else {}
        line["ok"] = line["status"] == 201 and answer.get("id") == letter_id
        line["site"] = answer.get("diterima_di")
        line["error"] = None if line["ok"] else str(answer.get("reason", "not acknowledged"))
    except (OSError, http.client.HTTPException) as error:
        line["error"] = f"{type(error).__name__}: {error}"
    return {"t": utc_text(), "latency": round(time.monotonic() - start, 4), **line}


# --- the ledger ------------------------------------------------------------------------------------------------


class Ledger:
    """JSON lines in one file, only ever appended to, from any thread; each append is fsynced."""

    def __init__(self, path: str) -> None:
        """Open for appending; a torn last line (crash) is ended, so that it spoils no other."""
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        torn = self._path.exists() and (data := self._path.read_bytes()) and not data.endswith(b"\n")
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115  # open as long as the process
        self._lock = threading.Lock()
        if torn:
            self._file.write(b"\n")

    def append(self, line: dict[str, Any]) -> None:
        """Write one attempt and fsync it. Raises OSError."""
        with self._lock:
            self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            os.fsync(self._file.fileno())


def read_ledger(path: str, since: str = EPOCH, until: str | None = None) -> Iterator[dict[str, Any]]:
    """The attempts answered in [since, until], in the order written; torn lines are passed over."""
    first, last = moment(since), moment(until) if until else None
    with open(path, encoding="utf-8") as handle:
        for text in handle:
            try:
                line = json.loads(text)
                at = moment(line["t"])
            except (ValueError, KeyError, TypeError):
                continue
            if at >= first and (last is None or at <= last):
                yield line


def began(line: dict[str, Any]) -> float:
    """When the attempt of this line started, in seconds since 1970."""
    return moment(line["t"]).timestamp() - float(line["latency"])


def summarize(path: str, since: str) -> dict[str, Any]:
    """The first outage seen at or after `since`, as outside clients lived it.

    It starts when the first client that got no acknowledgement began to wait, and ends with the first acknowledgement
    given to a client that came later. `gap_seconds` is between the two; None without an outage or before its end.
    """
    lines = list(read_ledger(path, since))
    failures = sorted((line for line in lines if not line["ok"]), key=began)
    successes = [line for line in lines if line["ok"]]
    first_failure = failures[0] if failures else None
    again = before = None
    for line in successes:
        if first_failure is None or began(line) <= began(first_failure):
            before = line
        elif again is None:
            again = line
    gap = round(moment(again["t"]).timestamp() - began(first_failure), 3) if first_failure and again else None
    return {
        "since": since,
        "last_success_before": before,
        "first_failure": first_failure,
        "first_success_again": again,
        "site_again": again["site"] if again else None,
        "gap_seconds": gap,
        "failed": len(failures),
        "succeeded": len(successes),
        "acknowledged_before": [line["id"] for line in read_ledger(path, until=since) if line["ok"]],
    }


def check_letters(config: Config, since: str, until: str | None) -> dict[str, Any]:
    """Ask the service for every letter acknowledged in the window: found, lost (404), or not known (no answer)."""
    ids = [line["id"] for line in read_ledger(config.ledger, since, until) if line["ok"]]

    def state(letter_id: str) -> str:
        for _ in range(3):
            try:
                status = ask(config, "GET", f"/surat/{letter_id}")[0]
            except (OSError, http.client.HTTPException):
                continue
            if status in (200, 404):
                return "found" if status == 200 else "lost"
        return "unknown"

    with ThreadPoolExecutor(8) as pool:
        states = dict(zip(ids, pool.map(state, ids), strict=True))
    lost, unknown = ([key for key in ids if states[key] == word] for word in ("lost", "unknown"))
    result = {"since": since, "until": until, "acknowledged": len(ids), "lost": lost, "unknown": unknown}
    result["found"] = len(ids) - len(lost) - len(unknown)
    Ledger(checks_of(config)).append({"t": utc_text(), **result})
    return result


def checks_of(config: Config) -> str:
    """Where each check is kept, beside the ledger: what was lost then, whatever a failback brings back later."""
    return str(Path(config.ledger).with_name("checks.jsonl"))


# --- serving ---------------------------------------------------------------------------------------------------


class _Quiet(BaseHTTPRequestHandler):
    """Answers in JSON; reading only. Anything but GET gets 501 from the base class."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    config: Config

    def log_message(self, format: str, *args: Any) -> None:  # the base class's name
        """Say nothing: the ledger is the log."""

    def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        query = {key: values[-1] for key, values in urllib.parse.parse_qs(url.query).items()}
        try:
            found = self.answer(url.path, query)
        except ValueError as error:
            return self.send(400, json.dumps({"error": str(error)}).encode())
        except OSError as error:
            return self.send(503, json.dumps({"error": str(error)}).encode())
        if found is None:
            return self.send(404, b'{"error": "no such page"}')
        return self.send(200, *found)

    def answer(self, path: str, query: dict[str, str]) -> tuple[bytes, str] | None:
        raise NotImplementedError


class LedgerPages(_Quiet):
    """GET /ledger?sejak=&sampai= (JSON lines), /summary?sejak=, /check?sejak=&sampai=, /health."""

    def answer(self, path: str, query: dict[str, str]) -> tuple[bytes, str] | None:
        """One page; None when there is no such."""
        since, until = query.get("sejak", EPOCH), query.get("sampai")
        ledger = self.config.ledger
        if path == "/ledger":
            lines = (json.dumps(line, separators=(",", ":")) + "\n" for line in read_ledger(ledger, since, until))
            return "".join(lines).encode(), "application/x-ndjson"
        if path == "/summary":
            return _json(summarize(ledger, since))
        if path == "/check":
            return _json(check_letters(self.config, since, until))
        return _json({"status": "ok"}) if path == "/health" else None


class HealthPages(_Quiet):
    """The national gateway's own health, GET /health on the usual port."""

    def answer(self, path: str, _query: dict[str, str]) -> tuple[bytes, str] | None:
        """One page; None when there is no such."""
        return _json({"status": "ok", "service": "pdn-gateway"}) if path == "/health" else None


def _json(value: Any) -> tuple[bytes, str]:
    return json.dumps(value).encode() + b"\n", "application/json"


class TlsServer(ThreadingHTTPServer):
    """HTTPS with the handshake in the request's own thread, so that a silent client blocks nobody."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, config: Config, port: int, pages: type[_Quiet]) -> None:
        """Bind and listen. Raises OSError."""
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(config.certificate, config.key)
        super().__init__((config.listen, port), type(pages.__name__, (pages,), {"config": config}))

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handshake, then one connection's requests; a client that fails the handshake is dropped."""
        request.settimeout(10)
        try:
            wrapped = self._tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        try:
            super().finish_request(wrapped, client_address)
        finally:
            wrapped.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is the client's affair."""


def run(config: Config) -> None:
    """Observe until killed: a letter starts each interval; several wait side by side while nobody answers."""
    for port, pages in ((config.ledger_port, LedgerPages), (config.health_port, HealthPages)):
        threading.Thread(target=TlsServer(config, port, pages).serve_forever, daemon=True).start()
    ledger, due = Ledger(config.ledger), time.monotonic()
    side_by_side = int(2 * config.timeout_seconds / config.interval_seconds) + 2
    with ThreadPoolExecutor(side_by_side) as pool:
        for number in itertools.count(1):
            pool.submit(observe, config, ledger, number)
            due = max(due + config.interval_seconds, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))


def observe(config: Config, ledger: Ledger, number: int) -> None:
    """One attempt and its line; a ledger that cannot be written ends the process, for it must never lie by silence."""
    try:
        ledger.append(attempt(config, number))
    except BaseException as error:
        print(f"observer: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)


def main() -> int:
    """Entry point: 0 done, 1 letters are lost or cannot be asked for, 2 usage."""
    parser = argparse.ArgumentParser(prog="observer", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=CONFIG)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="observe and serve the ledger")
    for name in ("summary", "check", "checks"):
        verb = verbs.add_parser(name)
        verb.add_argument("--since", default=EPOCH, help="RFC 3339")
        if name == "check":
            verb.add_argument("--until", help="RFC 3339; default now")
    options = parser.parse_args()
    try:
        config = load_config(options.config)
        if options.verb == "run":
            run(config)
        if options.verb == "summary":
            print(json.dumps(summarize(config.ledger, options.since)))
            return 0
        if options.verb == "checks":
            print(json.dumps(list(read_ledger(checks_of(config), options.since))))
            return 0
        result = check_letters(config, options.since, options.until)
    except (OSError, ValueError) as error:
        print(f"observer: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 1 if result["lost"] or result["unknown"] else 0


if __name__ == "__main__":
    sys.exit(main())

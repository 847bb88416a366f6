"""The observer as a process against a small HTTPS service that can be made to fail, hang and forget."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "dcops/lab/files/observer.py"
T0 = "2026-11-24T04:00:00.000000Z"


def certificate(folder: Path, name: str) -> tuple[str, str]:
    files = str(folder / f"{name}.crt"), str(folder / f"{name}.key")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=DNS:{name}",
            "-out",
            files[0],
            "-keyout",
            files[1],
        ],
        check=True,
        capture_output=True,
    )
    return files


class Service(ThreadingHTTPServer):
    """Accepts letters as naskah does. `mode`: ok, refuse (503), hang, lie (201 with another id)."""

    daemon_threads = True

    def __init__(self, folder: Path, name: str) -> None:
        self.mode, self.site, self.letters = "ok", "jkt", set[str]()
        super().__init__(("127.0.0.1", 0), Pages)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate(folder, name))
        self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Pages(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        letter = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.mode == "hang":
            time.sleep(3)
        if self.server.mode != "ok":
            known = self.server.mode == "lie"
            return self.answer(201 if known else 503, {"id": "other"} if known else {"reason": "no database"})
        self.server.letters.add(letter["id"])
        return self.answer(201, {"id": letter["id"], "diterima_di": self.server.site})

    def do_GET(self) -> None:
        self.answer(200 if self.path.removeprefix("/surat/") in self.server.letters else 404, {})

    def answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(json.dumps(body).encode())


@dataclass
class Observer:
    folder: Path
    config: dict[str, Any]

    def cli(self, *arguments: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--config", str(self.folder / "observer.json"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(SCRIPT), "--config", str(self.folder / "observer.json"), "run"])

    def lines(self) -> list[dict[str, Any]]:
        path = self.folder / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait(self, wanted: Any) -> None:
        deadline = time.monotonic() + 20
        while not wanted(self.lines()):
            assert time.monotonic() < deadline, self.lines()[-3:]
            time.sleep(0.05)

    def page(self, path: str, method: str = "GET", port: str = "ledger_port") -> tuple[int, str]:
        context = ssl.create_default_context(cafile=self.config["certificate"])
        context.check_hostname = False
        call = urllib.request.Request(f"https://127.0.0.1:{self.config[port]}{path}", method=method)
        try:
            with urllib.request.urlopen(call, timeout=5, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path, "naskah.pmk.test")
    yield made
    made.shutdown()


def make(folder: Path, port: int, **changes: Any) -> Observer:
    gateway = certificate(folder, "gw1.pdn.test")
    config = {
        "address": "127.0.0.1",
        "port": port,
        "service_ca": str(folder / "naskah.pmk.test.crt"),
        "ledger": str(folder / "ledger.jsonl"),
        "interval_seconds": 0.1,
        "timeout_seconds": 1.0,
        "listen": "127.0.0.1",
        "ledger_port": free_port(),
        "health_port": free_port(),
        "certificate": gateway[0],
        "key": gateway[1],
        **changes,
    }
    (folder / "observer.json").write_text(json.dumps(config))
    return Observer(folder, config)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def observer(tmp_path: Path, service: Service) -> Iterator[Observer]:
    made = make(tmp_path, service.server_port)
    process = made.start()
    made.wait(lambda lines: len(lines) >= 5)
    yield made
    process.kill()
    process.wait()


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1000 % 10**6:06d}Z"


def test_an_outage_and_a_move_are_seen_and_nothing_is_lost(observer: Observer, service: Service) -> None:
    fault = now()
    start = time.monotonic()
    service.mode = "refuse"
    time.sleep(1.0)
    service.mode, service.site = "ok", "drc"
    length = time.monotonic() - start
    observer.wait(lambda lines: [line["site"] for line in lines[-3:]] == ["drc"] * 3)
    code, found = observer.cli("summary", "--since", fault)
    assert code == 0
    assert found["first_failure"]["error"] == "no database"
    assert found["site_again"] == "drc"
    assert abs(found["gap_seconds"] - length) < 0.5
    assert set(found["acknowledged_before"]) <= service.letters
    assert len(found["acknowledged_before"]) >= 5
    assert json.loads(observer.page(f"/summary?sejak={fault}")[1])["gap_seconds"] == found["gap_seconds"]
    code, checked = observer.cli("check", "--until", now())
    assert (code, checked["lost"], checked["unknown"]) == (0, [], [])
    assert checked["found"] == checked["acknowledged"] >= 8


def test_a_lost_letter_is_named(observer: Observer, service: Service) -> None:
    lost = observer.lines()[2]["id"]
    until = observer.lines()[4]["t"]
    service.letters.discard(lost)
    code, checked = observer.cli("check", "--until", until)
    assert (code, checked["lost"], checked["found"]) == (1, [lost], 4)
    assert json.loads(observer.page(f"/check?sampai={until}")[1])["lost"] == [lost]
    service.letters.add(lost)
    observer.cli("check", "--until", until)
    kept = observer.cli("checks")[1]
    assert [check["lost"] for check in kept] == [[lost], [lost], []]


def test_a_hanging_service_does_not_stop_the_letters(observer: Observer, service: Service) -> None:
    service.mode = "hang"
    observer.wait(lambda lines: sum(not line["ok"] for line in lines) >= 4)
    failed = [line for line in observer.lines() if not line["ok"]]
    assert all(0.9 < line["latency"] < 2 for line in failed)
    assert "timed out" in failed[0]["error"]


def test_another_letters_acknowledgement_does_not_count(observer: Observer, service: Service) -> None:
    service.mode = "lie"
    observer.wait(lambda lines: not lines[-1]["ok"])
    assert observer.lines()[-1]["status"] == 201


def test_the_ledger_is_read_only_and_the_gateway_is_healthy(observer: Observer) -> None:
    status, body = observer.page("/ledger")
    assert status == 200
    assert json.loads(body.splitlines()[0]) == observer.lines()[0]
    since = observer.lines()[3]["t"]
    assert json.loads(observer.page(f"/ledger?sejak={since}")[1].splitlines()[0])["t"] == since
    assert observer.page("/ledger?sejak=kemarin")[0] == 400
    assert observer.page("/lain")[0] == 404
    for method in ("POST", "PUT", "DELETE"):
        assert observer.page("/ledger", method)[0] == 501
    assert observer.page("/health", port="health_port") == (200, '{"status": "ok", "service": "pdn-gateway"}\n')


def test_a_service_with_another_certificate_is_not_believed(tmp_path: Path) -> None:
    impostor = Service(tmp_path, "other.pmk.test")
    (tmp_path / "other.pmk.test.crt").rename(tmp_path / "naskah.pmk.test.crt")
    watching = make(tmp_path, impostor.server_port)
    process = watching.start()
    try:
        watching.wait(lambda lines: len(lines) >= 2)
        assert all(not line["ok"] and "CERTIFICATE_VERIFY_FAILED" in line["error"] for line in watching.lines())
        assert impostor.letters == set()
    finally:
        process.kill()
        process.wait()
        impostor.shutdown()


def test_killed_at_any_moment_the_ledger_stays_readable(tmp_path: Path, service: Service) -> None:
    watching = make(tmp_path, service.server_port, interval_seconds=0.02)
    for pause in (0.4, 0.45, 0.5):
        process = watching.start()
        count = len(watching.lines())
        watching.wait(lambda lines, count=count: len(lines) > count)
        time.sleep(pause)
        os.kill(process.pid, 9)
        process.wait()
    with open(tmp_path / "ledger.jsonl", "a") as handle:
        handle.write('{"t": "2026-11')
    process = watching.start()
    time.sleep(1)
    process.kill()
    process.wait()
    code, found = watching.cli("check")
    assert code == 0
    assert found["acknowledged"] == found["found"] > 10


def test_the_gap_runs_from_the_first_client_that_waited(tmp_path: Path) -> None:
    """Attempts overlap: the order of answers is not the order of starts."""
    made = make(tmp_path, 1)
    rows = [
        ("04:00:01.000000", 0.1, True, "jkt"),
        ("04:00:01.500000", 0.1, True, "jkt"),
        ("04:00:03.900000", 2.0, False, None),  # began at 1.9: the first one hit
        ("04:00:04.000000", 0.1, False, None),
        ("04:00:05.000000", 0.1, True, "drc"),
    ]
    with open(tmp_path / "ledger.jsonl", "w") as handle:
        for index, (at, latency, ok, site) in enumerate(rows):
            line = {"t": f"2026-11-24T{at}Z", "id": str(index), "ok": ok, "site": site, "latency": latency}
            handle.write(json.dumps(line) + "\n")
    code, found = made.cli("summary", "--since", "2026-11-24T04:00:01.200000Z")
    assert code == 0
    assert (found["gap_seconds"], found["site_again"]) == (3.1, "drc")
    assert found["last_success_before"]["id"] == "1"
    assert found["acknowledged_before"] == ["0"]
    assert made.cli("summary", "--since", "2026-11-24T05:00:00Z")[1]["gap_seconds"] is None


def test_wrong_configuration_is_one_line(tmp_path: Path) -> None:
    made = make(tmp_path, 1, adress="x")
    code, message = made.cli("summary")
    assert (code, message) == (2, f"observer: {tmp_path}/observer.json: unknown key adress\n")

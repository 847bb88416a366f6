"""The agent's faces: HTTPS for the other site, a Unix socket for root, and the configuration that joins them."""

from __future__ import annotations

import configparser
import json
import os
import socketserver
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from site_permit.agent import PERMIT, STATE, Agent, Place
from site_permit.rules import Times

CONTROL = Path("/run/site-permit/control")


class _Page(BaseHTTPRequestHandler):
    """GET /izin: what the other site is told. Nothing else."""

    agent: Agent
    timeout = 5

    def do_GET(self) -> None:
        """Answer one question."""
        if self.path != "/izin":
            self.send_error(404)
            return
        self.agent.note_asked(self.client_address[0])
        body = json.dumps(self.agent.told()).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Twice a second is too often for a log."""


class _Server(ThreadingHTTPServer):
    """HTTPS, the handshake in the request's own thread: a peer that says nothing holds up nobody."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], page: type[_Page], context: ssl.SSLContext) -> None:
        super().__init__(address, page)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS, then answer."""
        try:
            request.settimeout(5)
            with self._context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:
            return


class _Control(socketserver.StreamRequestHandler):
    """One JSON line in, one out; the socket's owner and root alone may write to it."""

    agent: Agent
    timeout = 5

    def handle(self) -> None:
        """Carry out one verb."""
        try:
            request = json.loads(self.rfile.readline(4096))
            answer = self._answer(str(request["verb"]), is_forced=bool(request.get("force")))
        except (ValueError, KeyError, TypeError):
            answer = {"error": "not understood"}
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _answer(self, verb: str, *, is_forced: bool) -> dict[str, Any]:
        problem = ""
        if verb == "grant":
            problem = self.agent.grant(is_forced=is_forced)
        elif verb == "revoke":
            self.agent.revoke()
        elif verb != "status":
            return {"error": f"unknown verb {verb}"}
        return {**self.agent.status(), **({"error": problem} if problem else {})}


class _ControlServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def load(path: str) -> tuple[Agent, configparser.ConfigParser]:
    """Give the agent that a configuration file describes. Raises OSError, KeyError, ValueError."""
    parser = configparser.ConfigParser(interpolation=None)
    with open(path, encoding="utf-8") as handle:
        parser.read_file(handle)
    times = Times(**{name: float(value) for name, value in parser["times"].items()}) if "times" in parser else Times()
    places = {
        name: Place(
            part["address"], part.getint("port"), part["name"], part.get("path", "/izin"), part["ca"]
        )
        for name in ("peer", "witness")
        for part in (parser[name],)
    }  # fmt: skip
    site = parser["site"]
    agent = Agent(
        site["name"], places["peer"], places["witness"], times, is_home=site.getboolean("home"),
        permit=Path(site.get("permit", str(PERMIT))), state=Path(site.get("state", str(STATE))),
    )  # fmt: skip
    return agent, parser


def serve(path: str) -> None:
    """Run the agent until it is ended."""
    agent, parser = load(path)
    site = parser["site"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    context.load_cert_chain(site["certificate"], site["key"].replace("%d", credentials))
    page = type("Page", (_Page,), {"agent": agent})
    server = _Server((site.get("listen", "0.0.0.0"), site.getint("port")), page, context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    control_path = Path(site.get("control", str(CONTROL)))
    control_path.unlink(missing_ok=True)
    before = os.umask(0o177)
    control = _ControlServer(str(control_path), type("Control", (_Control,), {"agent": agent}))
    os.umask(before)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    agent.watch()

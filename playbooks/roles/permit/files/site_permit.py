#!/usr/bin/python3
"""The site permit: at most one site accepts writes, whatever the network between the sites does.

It runs on each application server and uses the standard library only. See docs/site-permit.md for the rules and why
they hold.

    site-permit serve            hold, renew or lose the permit; answer the other site on HTTPS
    site-permit status [--json]  what this agent holds and sees
    site-permit grant            take the permit to this site; it is held once the other site has surely stopped
    site-permit revoke           give the permit up until it is granted again
"""

from __future__ import annotations

import argparse
import configparser
import http.client
import json
import os
import socket
import socketserver
import ssl
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONFIG = "/etc/site-permit/site-permit.ini"
PERMIT = Path("/run/site-permit/permit")
CONTROL = Path("/run/site-permit/control")
STATE = Path("/var/lib/site-permit/state")
REFUSED = 7


def now() -> float:
    """Seconds since this machine booted, sleep included; no step of the wall clock moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# -- rules: pure -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """Seconds: between two looks, how long a renewal is good for, and what is waited beyond that before a take-over."""

    period: float = 0.5
    valid: float = 6.0
    margin: float = 2.0


@dataclass(frozen=True)
class Mine:
    """What this site has: the number of the last grant it claimed, and until when (boot clock) it may write.

    `is_revoked`: given up on purpose; only a grant brings it back. `is_claiming`: granted, but the other site may not
    know of it yet. `seen`: the highest number of the other site that was seen.
    """

    epoch: int = 0
    until: float = 0.0
    is_revoked: bool = False
    is_claiming: bool = False
    seen: int = 0


@dataclass(frozen=True)
class Sight:
    """What the last look showed. Times are of the boot clock; None: never since this agent started.

    `asked_at`: when the other site last asked here. It may see us where we do not see it. `peer_seen`: the highest
    number of ours that it has seen.
    """

    peer_at: float | None = None
    asked_at: float | None = None
    peer_epoch: int = 0
    peer_seen: int = 0
    peer_is_held: bool = False
    witness_at: float | None = None


def is_held(mine: Mine, at: float) -> bool:
    """Whether the site may write."""
    return not mine.is_revoked and at < mine.until


def is_fresh(moment: float | None, at: float, times: Times) -> bool:
    """Whether a moment is of one of the last three looks."""
    return moment is not None and at - moment <= 3 * times.period


def claim(mine: Mine, *, is_home: bool) -> Mine:
    """Give what the site has once it is granted the permit: a number above all seen, even at home, odd away.

    So two grants at the same time never have the same number, and the higher one wins.
    """
    above = max(mine.epoch, mine.seen) + 1
    return Mine(epoch=above + (above % 2 == (1 if is_home else 0)), is_claiming=True, seen=mine.seen)


def step(mine: Mine, sight: Sight, started: float, at: float, times: Times, *, is_home: bool) -> Mine:
    """Give what the site has after a look.

    A permit is lost at once to a higher number, and renewed only while the other site or the witness is seen: a site
    that is alone stops. One that has stopped starts by itself only at home, and only when the other site says that it
    does not write and was granted nothing since. A granted one starts when the other site is known to have stopped.
    """
    mine = replace(mine, seen=max(mine.seen, sight.peer_epoch))
    sees_peer = is_fresh(sight.peer_at, at, times)
    if mine.seen > mine.epoch:
        return replace(mine, until=0.0, is_claiming=False)
    if mine.is_revoked:
        return mine
    renewed = replace(mine, until=at + times.valid, is_claiming=False)
    if mine.is_claiming:
        return mine if why_not_yet(mine, sight, started, at, times) else renewed
    if is_held(mine, at):
        return renewed if sees_peer or is_fresh(sight.witness_at, at, times) else mine
    return renewed if is_home and sees_peer and not sight.peer_is_held else mine


def why_not_yet(mine: Mine, sight: Sight, started: float, at: float, times: Times) -> str:
    """Give why a site that was granted the permit may not write yet; empty when the other site has surely stopped.

    A site that is seen must have seen the grant, which stops it. A site that is not seen has lost its permit once it
    was alone for longer than a renewal lasts. It is alone when the witness is seen from here and the site is not:
    whoever reaches the witness is reached through it.
    """
    if is_fresh(sight.peer_at, at, times):
        if sight.peer_is_held:
            return "the other site holds the permit"
        return "" if sight.peer_seen >= mine.epoch else "the other site has not seen the grant yet"
    if not is_fresh(sight.witness_at, at, times):
        return "neither the other site nor the witness is seen: it may be this site that is alone"
    contact = max(moment for moment in (sight.peer_at, sight.asked_at, started) if moment is not None)
    left = contact + times.valid + times.margin - at
    return f"the other site's permit may be good for {left:.1f} s more" if left > 0 else ""


# -- what is kept ------------------------------------------------------------------------------------------------


def write_file(path: Path, text: str) -> None:
    """Replace a file in one step, on disk when this returns."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fchmod(handle.fileno(), 0o644)
        os.fsync(handle.fileno())
    os.replace(name, path)


def read_kept(permit: Path, state: Path) -> Mine:
    """Give what an earlier process of this boot left; after a boot nothing is held."""
    mine = Mine()
    try:
        kept = json.loads(state.read_text())
        mine = Mine(epoch=int(kept["epoch"]), is_revoked=bool(kept["revoked"]), seen=int(kept["seen"]))
    except FileNotFoundError:
        pass
    try:
        return replace(mine, until=float(json.loads(permit.read_text())["until"]))
    except (OSError, ValueError, KeyError, TypeError):
        return mine


# -- the agent ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where something is asked over TLS; its certificate must be good for `name`."""

    address: str
    port: int
    name: str
    path: str
    ca: str

    def ask(self, seconds: float) -> dict[str, Any] | None:
        """Give its JSON answer, or None."""
        context = ssl.create_default_context(cafile=self.ca)
        try:
            with (
                socket.create_connection((self.address, self.port), timeout=seconds) as plain,
                context.wrap_socket(plain, server_hostname=self.name) as secured,
            ):
                request = f"GET {self.path} HTTP/1.1\r\nHost: {self.name}\r\nConnection: close\r\n\r\n"
                secured.sendall(request.encode())
                response = http.client.HTTPResponse(secured)
                response.begin()
                body = response.read(4096)
        except (OSError, http.client.HTTPException, ValueError):
            return None
        try:
            answer = json.loads(body)
        except ValueError:
            return None
        return answer if response.status == 200 and isinstance(answer, dict) else None


class Agent:
    """Holds the permit of one site."""

    def __init__(
        self, site: str, peer: Place, witness: Place, times: Times, *, is_home: bool,
        permit: Path = PERMIT, state: Path = STATE,
    ) -> None:  # fmt: skip
        """Take over what an earlier process of this boot held."""
        self.site, self.peer, self.witness, self.times, self.is_home = site, peer, witness, times, is_home
        self._permit, self._state = permit, state
        self._lock = threading.Lock()
        self._started = now()
        self._held_since: str | None = None
        self._mine = read_kept(permit, state)
        self._sight = Sight()
        self._keep(self._mine)

    def watch(self) -> None:
        """Look at both neighbours for ever, each in a thread of its own, so that a silent one delays nobody."""
        for look in (self._look_at_peer, self._look_at_witness):
            threading.Thread(target=self._again, args=(look,), daemon=True).start()
        while True:
            with self._lock:
                self._keep(self._stepped())
            time.sleep(self.times.period)

    def _stepped(self) -> Mine:
        return step(self._mine, self._sight, self._started, now(), self.times, is_home=self.is_home)

    def _again(self, look: Any) -> None:
        while True:
            look()
            time.sleep(self.times.period)

    def _look_at_peer(self) -> None:
        began = now()  # what it answers was true at the latest then; a later moment would promise too much
        answer = self.peer.ask(2 * self.times.period)
        if answer is None:
            return
        with self._lock:
            self._sight = replace(
                self._sight, peer_at=began, peer_epoch=int(answer["epoch"]), peer_seen=int(answer["seen"]),
                peer_is_held=bool(answer["held"]),
            )  # fmt: skip
            self._keep(self._stepped())

    def _look_at_witness(self) -> None:
        began = now()
        if self.witness.ask(2 * self.times.period) is not None:
            with self._lock:
                self._sight = replace(self._sight, witness_at=began)

    def note_asked(self, address: str) -> None:
        """Remember that the other site asked here, which shows that it is alive."""
        if address == self.peer.address:
            with self._lock:
                self._sight = replace(self._sight, asked_at=now())

    def grant(self, *, is_forced: bool) -> str:
        """Claim the permit for this site; give what speaks against it. It is held when the other site has stopped.

        Forced, it is held at once, whatever the other site does.
        """
        with self._lock:
            at = now()
            if is_held(self._mine, at) or (self._mine.is_claiming and not is_forced):
                return ""
            is_other_held = self._sight.peer_is_held and is_fresh(self._sight.peer_at, at, self.times)
            if is_other_held and not is_forced:
                return "the other site holds the permit; revoke it there first"
            claimed = claim(self._mine, is_home=self.is_home)
            if is_forced:
                claimed = replace(claimed, until=at + self.times.valid, is_claiming=False)
            self._keep(claimed)
        return ""

    def revoke(self) -> None:
        """Give the permit up. Harmless when it is not held."""
        with self._lock:
            self._keep(Mine(epoch=self._mine.epoch, is_revoked=True, seen=self._mine.seen))

    def told(self) -> dict[str, Any]:
        """Give what the other site is told."""
        with self._lock:
            mine = self._mine
            return {"site": self.site, "epoch": mine.epoch, "seen": mine.seen, "held": is_held(mine, now())}

    def status(self) -> dict[str, Any]:
        """Give all of it, for people and probes; times as seconds ago."""
        with self._lock:
            at, mine, sight = now(), self._mine, self._sight
            problem = why_not_yet(mine, sight, self._started, at, self.times) if mine.is_claiming else ""
        return {
            "site": self.site,
            "held": is_held(mine, at),
            "held_since": self._held_since if is_held(mine, at) else None,
            "grant": mine.epoch,
            "revoked": mine.is_revoked,
            "claiming": mine.is_claiming,
            "waits_for": problem,
            "seconds_left": round(max(0.0, mine.until - at), 2),
            "peer": {
                "seen_seconds_ago": None if sight.peer_at is None else round(at - sight.peer_at, 2),
                "grant": sight.peer_epoch,
                "held": sight.peer_is_held if is_fresh(sight.peer_at, at, self.times) else None,
            },
            "witness": {"seen_seconds_ago": None if sight.witness_at is None else round(at - sight.witness_at, 2)},
        }

    def _keep(self, mine: Mine) -> None:
        """Write what is held, the file applications read first: a permit lost must not outlive the knowledge of it."""
        lasting = {"epoch": mine.epoch, "revoked": mine.is_revoked, "seen": mine.seen}
        if mine.until != self._mine.until or mine.is_revoked or not self._permit.exists():
            until = 0.0 if mine.is_revoked else mine.until
            write_file(self._permit, json.dumps({"site": self.site, "epoch": mine.epoch, "until": until}) + "\n")
        if not self._state.exists() or json.loads(self._state.read_text()) != lasting:
            write_file(self._state, json.dumps(lasting) + "\n")
        if not is_held(mine, now()):
            self._held_since = None
        elif self._held_since is None:
            self._held_since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._mine = mine


# -- faces -------------------------------------------------------------------------------------------------------


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


def ask(verb: str, *, is_forced: bool, control: Path) -> dict[str, Any]:
    """Give the running agent's answer. Raises OSError when there is none."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(control))
        connection.sendall(json.dumps({"verb": verb, "force": is_forced}).encode() + b"\n")
        answer = json.loads(connection.makefile("rb").readline() or b"{}")
    assert isinstance(answer, dict)
    return answer


def render(status: dict[str, Any]) -> str:
    """Give a status as lines for a person."""
    peer, witness = status["peer"], status["witness"]
    held = {True: "holds the permit", False: "does not hold the permit", None: "unknown"}
    state = f"held for {status['seconds_left']:g} s more" if status["held"] else "not held"
    return "\n".join([
        f"{status['site']}: {state}, grant {status['grant']}{', revoked' if status['revoked'] else ''}",
        f"other site: {held[peer['held']]}, seen {_ago(peer['seen_seconds_ago'])}",
        f"witness: seen {_ago(witness['seen_seconds_ago'])}",
        *([f"granted, but {status['waits_for']}"] if status["claiming"] else []),
    ])  # fmt: skip


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:g} s ago"


def _until_held(answer: dict[str, Any], seconds: float, control: Path) -> dict[str, Any]:
    """Give the first answer that says the permit is held; an error when none does in time."""
    deadline = time.monotonic() + seconds
    while "error" not in answer and not answer["held"]:
        if time.monotonic() > deadline:
            return {**answer, "error": answer["waits_for"] or "it was given up meanwhile"}
        time.sleep(0.2)
        answer = ask("status", is_forced=False, control=control)
    return answer


def main(words: list[str] | None = None) -> int:
    """Run one verb and give the exit status: 0 done, 5 no agent, 7 refused."""
    parser = argparse.ArgumentParser(prog="site-permit", description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("verb", choices=["serve", "status", "grant", "revoke"])
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--control", type=Path, default=CONTROL)
    parser.add_argument("--json", action="store_true", help="give JSON")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="grant: until it is held")
    parser.add_argument("--force", action="store_true", help="grant against the rules: two people answer for it")
    given = parser.parse_args(words)
    if given.verb == "serve":
        serve(given.config)
        return 0
    try:
        answer = ask(given.verb, is_forced=given.force, control=given.control)
        if given.verb == "grant" and given.wait:
            answer = _until_held(answer, given.wait, given.control)
    except OSError as error:
        print(f"site-permit: no agent at {given.control}: {error}", file=sys.stderr)
        return 5
    if "error" in answer:
        print(f"site-permit: {given.verb} refused: {answer['error']}", file=sys.stderr)
        return REFUSED
    print(json.dumps(answer) if given.json else render(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())

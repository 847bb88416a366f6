"""Holds the permit of one site: looks at the other site and the witness, and keeps what the rules give."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from site_permit.rules import Mine, Sight, Times, claim, is_fresh, is_held, step, why_not_yet

PERMIT = Path("/run/site-permit/permit")
STATE = Path("/var/lib/site-permit/state")


def now() -> float:
    """Seconds since this machine booted, sleep included; no step of the wall clock moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def write_file(path: Path, text: str) -> None:
    """Replace a file in one step, on disk when this returns."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fchmod(handle.fileno(), 0o644)
        os.fsync(handle.fileno())
    os.replace(name, path)
    folder = os.open(path.parent, os.O_RDONLY)  # else a power cut could forget the rename, and with it a grant seen
    os.fsync(folder)
    os.close(folder)


def read_kept(permit: Path, state: Path) -> Mine:
    """Give what an earlier process of this boot left; after a boot nothing is held."""
    mine = Mine()
    try:
        kept = json.loads(state.read_text())
        mine = Mine(epoch=int(kept["epoch"]), is_revoked=bool(kept["revoked"]), seen=int(kept["seen"]),
                    is_forced=bool(kept.get("forced")))  # fmt: skip
    except FileNotFoundError:
        pass
    try:
        return replace(mine, until=float(json.loads(permit.read_text())["until"]))
    except (OSError, ValueError, KeyError, TypeError):
        return mine


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
            try:
                look()
            except Exception:  # a thread that ends in silence would leave the site blind; systemd starts all of it again
                traceback.print_exc()
                os._exit(1)
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
        is_seen = self.witness.ask(2 * self.times.period) is not None
        with self._lock:
            since = self._sight.witness_since
            if not is_seen:
                self._sight = replace(self._sight, witness_since=None)
            else:
                self._sight = replace(self._sight, witness_at=began, witness_since=began if since is None else since)

    def note_asked(self, address: str) -> None:
        """Remember that the other site asked here, which shows that it is alive."""
        if address == self.peer.address:
            with self._lock:
                self._sight = replace(self._sight, asked_at=now())

    def grant(self, *, is_forced: bool) -> str:
        """Claim the permit for this site; give what speaks against it. It is held when the other site has stopped.

        Forced, it is held at once, whatever the other site does, and kept while nothing outside is seen.
        """
        with self._lock:
            at = now()
            if (is_held(self._mine, at) or self._mine.is_claiming) and not is_forced:
                return ""
            is_other_held = self._sight.peer_is_held and is_fresh(self._sight.peer_at, at, self.times)
            if is_other_held and not is_forced:
                return "the other site holds the permit; revoke it there first"
            claimed = claim(self._mine, is_home=self.is_home)
            if is_forced:
                claimed = replace(claimed, until=at + self.times.valid, is_claiming=False, is_forced=True)
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
        lasting = {"epoch": mine.epoch, "revoked": mine.is_revoked, "seen": mine.seen, "forced": mine.is_forced}
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

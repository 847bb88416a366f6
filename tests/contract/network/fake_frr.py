"""A vtysh that behaves: keeps a configuration, takes and refuses lines as FRR 10.3 does, and prints it canonically."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dcops.core.errors import Unreachable
from dcops.network.errors import LineRefused
from dcops.network.model import Target

HEADER = "frr version 10.3\nfrr defaults traditional\nhostname {name}\nservice integrated-vtysh-config\n"
_ADDRESS = re.compile(r"^\d+\.\d+\.\d+\.\d+$")
# One value each: a second line with the same key replaces the first.
_KEYED = (
    r"bgp router-id",
    r"timers bgp",
    r"neighbor \S+ remote-as",
    r"neighbor \S+ timers connect",
    r"neighbor \S+ description",
    r"neighbor \S+ bfd profile",
    r"maximum-paths",
    r"receive-interval",
    r"transmit-interval",
)

_KNOWN = (
    r"^(no )?(ip route|router bgp|bfd|bgp|timers bgp|neighbor|network|maximum-paths|(receive|transmit)-interval|vrrp) ?"
)


@dataclass
class FakeFrr:
    """One router. `tree` is nested: line -> children in order."""

    name: str = "r1"
    tree: dict[str, dict] = field(default_factory=dict)
    is_down: bool = False
    saved: int = 0
    sent: list[str] = field(default_factory=list)
    peers: dict[str, dict] = field(default_factory=dict)
    refuse: str | None = None

    def running(self) -> str:
        body = "".join(f"!\n{_print(line, children, 0)}" for line, children in sorted(self.tree.items(), key=_top))
        return f"Building configuration...\n\nCurrent configuration:\n!\n{HEADER.format(name=self.name)}{body}!\nend\n"

    def load(self, text: str) -> None:
        self.apply([line.strip() for line in text.splitlines() if line.strip() and line.strip() != "!"])

    def apply(self, lines: Sequence[str]) -> None:
        path: list[str] = []
        for line in lines:
            path = self.step(path, line.strip())

    def step(self, path: list[str], line: str) -> list[str]:
        """Take one line in the context `path` and return the context after it; raise LineRefused as FRR would."""
        self.sent.append(line)
        if self.refuse is not None and self.refuse in line:
            raise LineRefused(line, f"% Unknown command: {line}", where=self.name)
        if line in ("exit", "exit-address-family"):
            return path[:-1]
        return [] if line == "end" else self._enter_or_set(path, line)

    def _enter_or_set(self, path: list[str], line: str) -> list[str]:
        node = self._at(path)
        if line.startswith("router bgp ") or line == "bfd" or (path == ["bfd"] and line.startswith("profile ")):
            others = [name for name in node if name.startswith("router bgp ") and line.startswith("router bgp ")]
            if others and line not in others:
                raise LineRefused(line, f"BGP is already running; AS is {others[0].split()[-1]}", where=self.name)
            node.setdefault(line, {})
            return [*path, line]
        if line.startswith("address-family "):
            node.setdefault(line, {})
            return [*path, line]
        if not re.match(_KNOWN, line):
            raise LineRefused(line, f"% Unknown command: {line}", where=self.name)
        self._set(path, node, line)
        return path

    def _at(self, path: list[str]) -> dict[str, dict]:
        node = self.tree
        for step in path:
            node = node[step]
        return node

    def _set(self, path: list[str], node: dict[str, dict], line: str) -> None:
        bgp = self.tree.get(path[0], {}) if path and path[0].startswith("router bgp") else {}
        peer = re.match(r"^(no )?neighbor (\S+) (.*)$", line)
        if peer:
            if not _ADDRESS.match(peer.group(2)):
                raise LineRefused(line, "% Create the peer-group or interface first", where=self.name)
            if not peer.group(3).startswith("remote-as") and not _has_peer(bgp, peer.group(2)):
                raise LineRefused(line, "% Specify remote-as or peer-group commands first", where=self.name)
            if peer.group(1) and peer.group(3).startswith("remote-as"):
                self._drop_peer(bgp, peer.group(2))
                return
        if line in ("bgp ebgp-requires-policy",):
            node.pop(f"no {line}", None)
            return
        if line.startswith("no ") and line != "no bgp ebgp-requires-policy":
            self._unset(node, line[3:])
            return
        for pattern in _KEYED:
            found = re.match(f"^{pattern}", line)
            if found:
                stale = [item for item in node if re.match(f"^{re.escape(found.group(0))} ", item)]
                for item in stale:
                    del node[item]
        if " bfd profile " in line:
            node.setdefault(line.split(" profile ")[0], {})
        node[line] = {}

    def _unset(self, node: dict[str, dict], line: str) -> None:
        node.pop(line, None)
        if line.endswith(" bfd"):
            for item in [item for item in node if item.startswith(f"{line} profile ")]:
                del node[item]

    @staticmethod
    def _drop_peer(bgp: dict[str, dict], address: str) -> None:
        for node in (bgp, *bgp.values()):
            for item in [item for item in node if item.startswith(f"neighbor {address} ")]:
                del node[item]

    def bgp_summary(self) -> str:
        names = [line for line in self.tree if line.startswith("router bgp ")]
        if not names:
            return "{}"
        return json.dumps({"peers": self.peers})


def _has_peer(bgp: dict[str, dict], address: str) -> bool:
    return any(item.startswith(f"neighbor {address} remote-as ") for item in bgp)


def _top(item: tuple[str, dict]) -> int:
    order = ("ip route", "interface", "router bgp", "bfd")
    return next((n for n, start in enumerate(order) if item[0].startswith(start)), len(order))


def _print(line: str, children: dict[str, dict], depth: int) -> str:
    pad = " " * depth
    text = f"{pad}{line}\n"
    is_section = line == "bfd" or line.startswith(("router bgp", "address-family", "profile ", "interface "))
    ordered = sorted(children.items(), key=lambda item: item[0].startswith("address-family"))
    for child, below in ordered:
        if child.startswith("address-family"):
            text += f"{pad} !\n"
        text += _print(child, below, depth + 1)
    if is_section:
        text += f"{pad}{'exit-address-family' if line.startswith('address-family') else 'exit'}\n"
    return text


class FakeReader:
    """A session that can only look."""

    def __init__(self, router: FakeFrr) -> None:
        self.router = router

    def read_running(self) -> str:
        return self.router.running()

    def show(self, getter: str, **arguments: str) -> str:
        if getter == "bgp_summary":
            return self.router.bgp_summary()
        if getter == "version":
            return f"FRRouting 10.3 ({self.router.name}) on Linux.\n"
        return "{}"


class FakeWriter(FakeReader):
    """A session that can also change the router."""

    def configure(self, lines: Sequence[str]) -> None:
        self.router.apply(lines)

    def save(self) -> None:
        self.router.saved += 1


@dataclass
class FakeNetwork:
    """Opens sessions with its routers by name: `reader` and `writer` are the two ports."""

    routers: dict[str, FakeFrr]
    opened: list[str] = field(default_factory=list)

    @contextmanager
    def reader(self, target: Target) -> Iterator[FakeReader]:
        yield FakeReader(self._open(target))

    @contextmanager
    def writer(self, target: Target) -> Iterator[FakeWriter]:
        yield FakeWriter(self._open(target))

    def _open(self, target: Target) -> FakeFrr:
        router = self.routers[target.name]
        if router.is_down:
            raise Unreachable("no answer within 10 s", where=target.name)
        self.opened.append(target.name)
        return router

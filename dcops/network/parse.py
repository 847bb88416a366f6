"""Device output to model: completeness, normal form, redaction, BGP sessions. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from dcops.core.errors import ParseError
from dcops.network.model import BgpPeer, Capture
from dcops.network.platforms.rules import PlatformRules

__all__ = [
    "announces",
    "incompleteness",
    "make_capture",
    "parse_bgp_summary",
    "redact",
]

_SHRINK_LIMIT = 0.5  # a text under half of the last good one is suspect: a truncated session looks like that
_PAGER = re.compile(r"--\s*[Mm]ore\s*--")


def redact(rules: PlatformRules, text: str, key: bytes) -> tuple[str, int]:
    """`text` with every secret replaced by `<secret:HASH>` and the number replaced.

    The hash is keyed (HMAC-SHA-256, 8 hex digits), so a rotated secret shows as a change and the secret cannot be
    found by trying words without the key.
    """
    count = 0

    def replace_in(line: str) -> str:
        nonlocal count
        for pattern in rules.secrets:
            found = pattern.match(line)
            if found is None or found.group(1).startswith("<secret:"):
                continue
            digest = hmac.new(key, found.group(1).encode(), hashlib.sha256).hexdigest()[:8]
            line = f"{line[: found.start(1)]}<secret:{digest}>{line[found.end(1) :]}"
            count += 1
        return line

    redacted = "\n".join(replace_in(line) for line in text.split("\n"))
    return redacted, count


def incompleteness(rules: PlatformRules, text: str, previous: str | None) -> tuple[str, ...]:
    """Why `text` may not be a whole configuration; empty when end marker, size and content prove it is one."""
    lines = [line.rstrip() for line in text.replace("\r", "").splitlines() if line.strip()]
    reasons = []
    if not lines:
        return ("the device printed nothing",)
    if lines[-1] != rules.end_marker:
        reasons.append(f'the last line is not "{rules.end_marker}"')
    refused = rules.refusals(text)
    if refused:
        reasons.append(f"an error line: {refused[0]}")
    if any(_PAGER.search(line) for line in lines):
        reasons.append("pager text inside")
    if previous and len(text) < _SHRINK_LIMIT * len(previous):
        reasons.append(f"{len(text)} bytes, under half of the last good copy ({len(previous)})")
    return tuple(reasons)


def make_capture(rules: PlatformRules, device: str, text: str, previous: str | None, key: bytes) -> Capture:
    """The comparable, redacted form of what `device` printed, with the reasons to doubt it."""
    reasons = incompleteness(rules, text, previous)
    kept, redacted = redact(rules, rules.normalise(text), key)
    digest = hashlib.sha256(kept.encode()).hexdigest()
    return Capture(device, kept, digest, kept.count("\n"), redacted, reasons)


def announces(rules: PlatformRules, running: str, prefix: str) -> bool:
    """True when a running configuration originates `prefix` in BGP."""
    wanted = f"network {prefix}"
    return any(line.strip() == wanted for line in rules.normalise(running).splitlines())


def parse_bgp_summary(text: str, where: str) -> tuple[BgpPeer, ...]:
    """The BGP sessions in FRR's `show bgp ipv4 unicast summary json`, in address order.

    Raise ParseError when it is not such a reply. A router without a BGP instance answers `{}`: no sessions.
    """
    try:
        answer = json.loads(text)
        peers = _peer_table(answer)
        return tuple(_peer(address, peers[address]) for address in sorted(peers, key=_address_key))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParseError(f"unreadable BGP summary ({type(error).__name__})", where=where) from error


def _peer_table(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    family = answer.get("ipv4Unicast", answer)  # FRR wraps the family in some versions
    peers = family.get("peers", {})
    if not isinstance(peers, Mapping):
        raise TypeError("peers")
    return peers


def _peer(address: str, fields: Mapping[str, Any]) -> BgpPeer:
    established = fields["state"] == "Established"
    milliseconds = fields.get("peerUptimeMsec")
    uptime = float(milliseconds) / 1000 if established and milliseconds is not None else None
    return BgpPeer(
        address=address,
        remote_as=int(fields["remoteAs"]),
        state=str(fields["state"]),
        uptime_seconds=uptime,
        prefixes_received=int(fields.get("pfxRcd", 0)) if established else None,
        prefixes_sent=int(fields.get("pfxSnt", 0)) if established else None,
        name=str(fields.get("desc", "")),
    )


def _address_key(address: str) -> tuple[int, ...] | tuple[str]:
    parts = address.split(".")
    return tuple(int(part) for part in parts) if len(parts) == 4 else (address,)

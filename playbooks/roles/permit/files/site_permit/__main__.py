"""The command `site-permit`.

site-permit serve            hold, renew or lose the permit; answer the other site on HTTPS
site-permit status [--json]  what this agent holds and sees
site-permit grant            take the permit to this site; it is held once the other site has surely stopped
site-permit revoke           give the permit up until it is granted again
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from site_permit.server import CONTROL, serve

CONFIG = "/etc/site-permit/site-permit.ini"
REFUSED = 7
ABOUT = "At most one site accepts writes, whatever the network between the sites does."


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
    parser = argparse.ArgumentParser(prog="site-permit", description=ABOUT)
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

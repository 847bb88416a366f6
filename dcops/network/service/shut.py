"""Shutting a site's own networks at its routers: nothing there is reached any more, and nothing there reaches out.

Sessions go to the routers' loopback addresses, by way of their lines to other sites: those stay up, so what was shut
can be opened from the other site again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcops.core.errors import ApplyError, DcopsError, PlanError, Unreachable
from dcops.network.model import Target
from dcops.network.platforms.rules import platform
from dcops.network.ports import DeviceReader, OpenReader, OpenWriter, Recorder
from dcops.runs.executor import Limits, fan_out

__all__ = ["ShutState", "SiteRouters", "is_shut", "set_shut", "shut_state"]

LIMITS = Limits(forks=4, deadline_seconds=60)


@dataclass(frozen=True)
class SiteRouters:
    """A site's routers, reached by their loopbacks, and the interfaces on its networks: router -> names."""

    site: str
    targets: tuple[Target, ...]
    interfaces: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ShutState:
    """Routers that show all of the site's networks shut, those that do not, and those that do not answer, with why."""

    shut: tuple[str, ...]
    open: tuple[str, ...]
    unread: Mapping[str, str]


def is_shut(running: str, interface: str) -> bool:
    """Say whether a running configuration has the interface shut."""
    block = re.search(rf"^interface {re.escape(interface)}\n((?:[ ].*\n)*)", running, re.MULTILINE)
    return bool(block and re.search(r"^ shutdown$", block.group(1), re.MULTILINE))


def shut_state(routers: SiteRouters, reader: OpenReader) -> ShutState:
    """Ask every router of the site what it shows."""

    def look(name: str) -> bool:
        with reader(_target(routers, name)) as session:
            return _all_shut(routers, name, session)

    shut: list[str] = []
    open_: list[str] = []
    unread: dict[str, str] = {}
    for result in fan_out([each.name for each in routers.targets], look, limits=LIMITS):
        if result.value is None:
            unread[result.host] = str(result.error)
        else:
            (shut if result.value else open_).append(result.host)
    return ShutState(tuple(sorted(shut)), tuple(sorted(open_)), unread)


def set_shut(routers: SiteRouters, is_wanted: bool, *, writer: OpenWriter, record: Recorder) -> ShutState:
    """Shut, or open again, the site's networks at every router that answers; what is so already is left alone.

    Raise PlanError for a site without routers, Unreachable when none answers, ApplyError when one does not take it.
    """
    if not routers.targets:
        raise PlanError("the site has no router of ours", where=routers.site)

    def change(name: str) -> bool:
        target = _target(routers, name)
        rules = platform(target.platform)
        with writer(target) as session:
            before = session.read_running()
            left = [each for each in routers.interfaces[name] if is_shut(before, each) is not is_wanted]
            commands = [word for each in left for word in _commands(each, is_wanted)]
            if not commands:
                return True
            payload = {"device": name, "status": "failed", "commands": commands, "is_rollback": not is_wanted,
                       "before_sha256": rules.state_hash(before)}  # fmt: skip
            try:
                session.configure(commands)
                session.save()
                shown = session.read_running()
                done = all(is_shut(shown, each) is is_wanted for each in routers.interfaces[name])
                payload |= {"status": "changed" if done else "failed", "after_sha256": rules.state_hash(shown)}
            finally:  # a session that broke after the first word was sent leaves its record, too
                record("network.change", payload)
        return done

    results = list(fan_out([each.name for each in routers.targets], change, limits=LIMITS))
    good = tuple(sorted(each.host for each in results if each.value))
    errors: dict[str, DcopsError] = {each.host: each.error for each in results if each.error}
    bad = sorted(each.host for each in results if each.value is False)
    if bad:
        raise ApplyError("a router does not show it", done=good, failed=bad, left=sorted(errors), where=routers.site)
    if not good:
        reasons = "; ".join(str(error) for error in errors.values())
        raise Unreachable(f"none of its routers answers: {reasons}", where=routers.site)
    unread = {name: str(error) for name, error in errors.items()}
    return ShutState(good if is_wanted else (), () if is_wanted else good, unread)


def _commands(interface: str, is_wanted: bool) -> Sequence[str]:
    return (f"interface {interface}", "shutdown" if is_wanted else "no shutdown", "exit")


def _target(routers: SiteRouters, name: str) -> Target:
    return next(each for each in routers.targets if each.name == name)


def _all_shut(routers: SiteRouters, name: str, session: DeviceReader) -> bool:
    running = session.read_running()
    return all(is_shut(running, each) for each in routers.interfaces[name])

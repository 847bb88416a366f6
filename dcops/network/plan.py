"""What to send to a device, in which order, and its reverse: (running, intended) to a plan. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from hier_config import HConfig, HConfigChild, get_hconfig

from dcops.core.errors import PlanError
from dcops.network.model import Announcement, DevicePlan, MoveOrder, RoutingIntent, ServiceAddress, ServiceState
from dcops.network.platforms.rules import PlatformRules

__all__ = ["plan_announcement", "plan_device", "plan_move_waves", "serving_site", "without_services"]

_PEER = re.compile(r"^(no )?neighbor (\S+) (\S+)")


def plan_device(
    rules: PlatformRules, device: str, site: str, running: str, intended: str, service_networks: Sequence[str]
) -> DevicePlan:
    """The change that makes the owned part of `running` equal to `intended`, with its computed reverse.

    Only lines the platform's rules own are compared; `ip route` lines only inside `service_networks`. All else on the
    device is left alone. Empty when the device already is as intended.
    """
    now = _tree(rules, running, service_networks)
    wanted = _tree(rules, intended, service_networks)
    commands = _commands(now.config_to_get_to(wanted))
    rollback = _commands(wanted.config_to_get_to(now))
    if not commands:
        rollback = ()
    return DevicePlan(device, site, rules.state_hash(running), commands, rollback, _difference(now, wanted))


def plan_announcement(
    rules: PlatformRules,
    intent: RoutingIntent,
    running: str,
    announcement: Announcement,
    *,
    is_wanted: bool,
) -> DevicePlan:
    """Announce or withdraw one service prefix on one router, the static route and the BGP network together.

    They change together because a static route left behind at a passive site (distance 1) beats BGP there, so that
    site goes on answering for traffic that passes through.
    """
    lines = rules.normalise(running).splitlines()
    routed = [line for line in lines if line.startswith(f"ip route {announcement.prefix} ")]
    network = f"  network {announcement.prefix}"
    route = f"ip route {announcement.prefix} {announcement.next_hop}"
    commands: list[str] = []
    reverse: list[str] = []
    for stale in [line for line in routed if not is_wanted or line != route]:
        commands.append(f"no {stale}")
        reverse.append(stale)
    if is_wanted and route not in routed:
        commands.append(route)
        reverse.insert(0, f"no {route}")
    if is_wanted != (network in lines):
        commands += _in_family(intent.asn, network.strip() if is_wanted else f"no {network.strip()}")
        reverse = [*_in_family(intent.asn, f"no {network.strip()}" if is_wanted else network.strip()), *reverse]
    return DevicePlan(
        intent.device, intent.site, rules.state_hash(running), tuple(commands), tuple(reverse), tuple(commands)
    )


def plan_move_waves(order: MoveOrder, to_site: str | None, sites: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The sites in the order they are changed, one wave after another; sites of one wave change together."""
    others = tuple(sorted(site for site in sites if site != to_site))
    there = (to_site,) if to_site is not None else ()
    waves = (others, there) if order is MoveOrder.WITHDRAW_FIRST else (there, others)
    return tuple(wave for wave in waves if wave)


def without_services(text: str, prefixes: Iterable[str]) -> str:
    """Give a configuration less the lines that announce one of `prefixes`: its static route and its BGP network."""
    gone = tuple(prefixes)
    kept = [
        line
        for line in text.splitlines()
        if not any(line.startswith(f"ip route {each} ") or line.strip() == f"network {each}" for each in gone)
    ]
    return "".join(f"{line}\n" for line in kept)


def serving_site(service: ServiceAddress, state: ServiceState | None) -> str:
    """The site that should announce `service`: where it is announced now, else its home.

    A planned apply thus never moves a service that a failover has moved. Raise PlanError when two sites announce it.
    """
    if state is None or not state.sites:
        return service.home_site
    if len(state.sites) > 1:
        raise PlanError(
            f"{service.prefix} is announced by {' and '.join(state.sites)} at once",
            where=service.name,
            hint=f"decide where it belongs: dcops net service move {service.name} --to SITE",
        )
    return state.sites[0]


def _in_family(asn: int, line: str) -> list[str]:
    return [f"router bgp {asn}", "address-family ipv4 unicast", line, "exit", "exit"]


def _tree(rules: PlatformRules, text: str, service_networks: Sequence[str]) -> HConfig:
    kept: list[str] = []
    is_owned = False
    for line in rules.normalise(text).splitlines():
        if line.strip() in rules.noise or not line.strip():
            continue
        if not line.startswith(" "):
            is_owned = _owns(rules, line, service_networks)
        if is_owned:
            kept.append(line)
    return get_hconfig(rules.driver, "\n".join(_without_implied(kept)))


def _owns(rules: PlatformRules, line: str, service_networks: Sequence[str]) -> bool:
    for pattern in rules.owned:
        found = pattern.match(line)
        if found is None:
            continue
        prefix = found.groupdict().get("prefix")
        return prefix is None or _inside(prefix, service_networks)
    return False


def _inside(prefix: str, networks: Sequence[str]) -> bool:
    try:
        route = ip_network(prefix, strict=False)
    except ValueError:
        return False
    return any(route.subnet_of(ip_network(network)) for network in networks)  # type: ignore[arg-type]


def _without_implied(lines: Sequence[str]) -> list[str]:
    """FRR prints `neighbor X bfd` beside `neighbor X bfd profile P`, which implies it: keep the one that says more."""
    profiled = {line.rsplit(" profile ", 1)[0] for line in lines if " bfd profile " in line}
    return [line for line in lines if line not in profiled]


def _commands(remediation: HConfig) -> tuple[str, ...]:
    lines: list[str] = []
    for child in sorted(remediation.children):
        lines += _section(child)
    return tuple(lines)


def _section(child: HConfigChild) -> list[str]:
    if not child.children:
        return [child.text]
    gone = {found.group(2) for item in child.children if (found := _PEER.match(item.text)) and _removes_peer(item.text)}
    body: list[str] = []
    for item in sorted(child.children):
        found = _PEER.match(item.text)
        if found and found.group(2) in gone and not _removes_peer(item.text):
            continue  # it goes with its neighbour, and FRR refuses to take it from one that is no longer there
        if item.children and gone:
            inner = [line for line in _section(item)[1:-1] if not _is_of(line, gone)]
            body += [item.text, *inner, "exit"] if inner else []
        else:
            body += _section(item)
    return [child.text, *body, "exit"]


def _removes_peer(line: str) -> bool:
    return bool(re.match(r"^no neighbor \S+ remote-as ", line))


def _is_of(line: str, peers: set[str]) -> bool:
    found = _PEER.match(line)
    return bool(found and found.group(2) in peers)


def _difference(now: HConfig, wanted: HConfig) -> tuple[str, ...]:
    before, after = (_dump(tree) for tree in (now, wanted))
    lines = difflib.unified_diff(before, after, "running", "intended", lineterm="", n=2)
    return tuple(lines)


def _dump(node: HConfig | HConfigChild, depth: int = 0) -> list[str]:
    """The tree's lines, sorted at each level: FRR prints in an order of its own, which is no difference."""
    lines: list[str] = []
    for child in sorted(node.children, key=lambda item: (bool(item.children), item.text)):
        lines += [f"{' ' * depth}{child.text}", *_dump(child, depth + 1)]
    return lines

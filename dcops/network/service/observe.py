"""Looking at the network: running configurations, BGP sessions, who announces which service; and planning from it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError, ParseError
from dcops.network.intent import Network
from dcops.network.model import BgpStatus, DevicePlan, ServiceAddress, ServiceState, Target
from dcops.network.parse import announces, parse_bgp_summary
from dcops.network.plan import plan_device, serving_site
from dcops.network.platforms.rules import platform
from dcops.network.ports import OpenReader, Renderer
from dcops.runs.cancel import CancelToken
from dcops.runs.executor import Limits, fan_out

__all__ = ["Observation", "observe", "plan_routing", "read_bgp", "service_states", "wait_for_bgp"]

logger = logging.getLogger(__name__)
READ_LIMITS = Limits(forks=8, deadline_seconds=60)


@dataclass(frozen=True)
class Observation:
    """What could be read: device -> running configuration, and device -> why not."""

    running: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, DcopsError] = field(default_factory=dict)


def observe(
    targets: Sequence[Target], reader: OpenReader, *, limits: Limits = READ_LIMITS, token: CancelToken | None = None
) -> Observation:
    """Read every target's running configuration, several at a time; one that fails is an error of its own."""
    by_name = {target.name: target for target in targets}

    def read(name: str) -> str:
        with reader(by_name[name]) as session:
            return session.read_running()

    running: dict[str, str] = {}
    errors: dict[str, DcopsError] = {}
    for result in fan_out(list(by_name), read, limits=limits, token=token):
        if result.value is not None:
            running[result.host] = result.value
        else:
            errors[result.host] = result.error or DcopsError("no result", where=result.host)
    return Observation(running, errors)


def service_states(network: Network, observation: Observation) -> tuple[ServiceState, ...]:
    """For each service address: the routers and sites that announce it now, and the routers that were not read."""
    return tuple(_service_state(network, service, observation) for service in network.services)


def _service_state(network: Network, service: ServiceAddress, observation: Observation) -> ServiceState:
    able = [target for target in network.targets if service.next_hop(target.site)]
    announced = [
        target
        for target in able
        if target.name in observation.running
        and announces(platform(target.platform), observation.running[target.name], service.prefix)
    ]
    return ServiceState(
        name=service.name,
        prefix=service.prefix,
        home_site=service.home_site,
        announced_by=tuple(sorted(target.name for target in announced)),
        sites=tuple(sorted({target.site for target in announced})),
        unread=tuple(sorted(target.name for target in able if target.name not in observation.running)),
    )


def plan_routing(
    network: Network,
    observation: Observation,
    chosen: Sequence[str],
    render: Renderer,
    withdrawn: Container[str] = (),
) -> tuple[DevicePlan, ...]:
    """One plan for each chosen device that could be read, in the inventory's order; empty plans included.

    A service stays where it is announced now. One that nobody announces goes to its home site, unless it is among
    `withdrawn`: taken back on purpose, it waits for a move.
    """
    states = {state.name: state for state in service_states(network, observation)}
    serving = {
        service.name: serving_site(service, states[service.name])
        for service in network.services
        if states[service.name].sites or service.name not in withdrawn
    }
    plans = []
    for target in network.targets:
        running = observation.running.get(target.name)
        if target.name not in chosen or running is None:
            continue
        intent = network.intent(target.name, serving)
        intended = render(target.platform, intent)
        rules = platform(target.platform)
        plans.append(plan_device(rules, target.name, target.site, running, intended, intent.service_networks))
    return tuple(plans)


def read_bgp(
    targets: Sequence[Target], reader: OpenReader, *, limits: Limits = READ_LIMITS, token: CancelToken | None = None
) -> tuple[BgpStatus, ...]:
    """The BGP sessions of each target, in the order given; a target that fails carries its error."""
    by_name = {target.name: target for target in targets}

    def read(name: str) -> BgpStatus:
        target = by_name[name]
        with reader(target) as session:
            return BgpStatus(name, target.site, parse_bgp_summary(session.show("bgp_summary"), name))

    found: dict[str, BgpStatus] = {}
    for result in fan_out(list(by_name), read, limits=limits, token=token):
        failure = BgpStatus(result.host, by_name[result.host].site, error=str(result.error or ParseError("no answer")))
        found[result.host] = result.value or failure
    return tuple(found[target.name] for target in targets)


def wait_for_bgp(
    targets: Sequence[Target],
    reader: OpenReader,
    *,
    wait_seconds: float,
    token: CancelToken,
    report: Callable[[str], None] = lambda _line: None,
) -> tuple[BgpStatus, ...]:
    """Read the sessions until all are established or `wait_seconds` have passed; the last reading is returned."""
    end = monotonic() + wait_seconds
    while True:
        statuses = read_bgp(targets, reader, token=token)
        peers = [peer for status in statuses for peer in status.peers]
        up = sum(peer.is_established for peer in peers)
        report(f"{up} of {len(peers)} BGP sessions established")
        all_up = bool(peers) and up == len(peers) and not any(status.error or not status.peers for status in statuses)
        if all_up or monotonic() >= end or token.wait(min(1.0, max(0.0, end - monotonic()))):
            return statuses

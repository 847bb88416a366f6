"""Carrying plans out: fresh state only, one of a pair at a time, checked after, taken back when it went wrong."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from dcops.core.errors import DcopsError, TransportError, Unreachable
from dcops.network.errors import HostKeyMismatch
from dcops.network.intent import Network
from dcops.network.model import ChangeResult, DevicePlan, Target
from dcops.network.plan import plan_device
from dcops.network.platforms.rules import PlatformRules, platform
from dcops.network.ports import DeviceWriter, OpenWriter, Recorder
from dcops.runs.cancel import CancelToken
from dcops.runs.executor import HostResult, Limits, fan_out

__all__ = ["apply_plans", "change_waves"]

logger = logging.getLogger(__name__)
LIMITS = Limits(forks=8, deadline_seconds=120)


def change_waves(targets: Sequence[Target]) -> tuple[tuple[Target, ...], ...]:
    """The order of a change: never two routers of one site in the same wave, so that a site keeps a way out."""
    by_site: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        by_site[target.site].append(target)
    depth = max((len(group) for group in by_site.values()), default=0)
    return tuple(tuple(group[n] for group in by_site.values() if n < len(group)) for n in range(depth))


def apply_plans(
    plans: Sequence[DevicePlan],
    network: Network,
    *,
    writer: OpenWriter,
    record: Recorder,
    limits: Limits = LIMITS,
    token: CancelToken | None = None,
    report: Callable[[ChangeResult], None] = lambda _result: None,
) -> tuple[ChangeResult, ...]:
    """Carry out every plan that is not empty; one result a plan, in the order given.

    A device whose configuration moved since the plan was made is `refused` and not touched. After a wave in which a
    device failed, the later waves are `not_started`. Each device leaves a record `network.change`.
    """
    by_name = {plan.device: plan for plan in plans}
    results = {plan.device: ChangeResult(plan.device, plan.site, "unchanged") for plan in plans if plan.is_empty}
    waiting = [network.target(plan.device) for plan in plans if not plan.is_empty]
    stopped = False
    for wave in change_waves(waiting):
        targets = {target.name: target for target in wave}
        if stopped:
            results.update({name: _not_started(by_name[name]) for name in targets})
            continue

        def work(name: str, targets: dict[str, Target] = targets) -> ChangeResult:
            return _change(by_name[name], targets[name], writer, network.service_networks)

        for outcome in fan_out(list(targets), work, limits=limits, token=token):
            result = _conclude(by_name[outcome.host], outcome)
            results[outcome.host] = result
            stopped = stopped or result.status != "changed"
            record("network.change", _payload(by_name[outcome.host], result))
            report(result)
    return tuple(results[plan.device] for plan in plans)


def _change(plan: DevicePlan, target: Target, writer: OpenWriter, service_networks: Sequence[str]) -> ChangeResult:
    rules = platform(target.platform)
    with writer(target) as session:
        before = session.read_running()
        if rules.state_hash(before) != plan.state_hash:
            reason = "its configuration changed since the plan was made; plan again"
            return ChangeResult(plan.device, plan.site, "refused", reason=reason)
        try:
            session.configure(plan.commands)
            reason = _left_over(rules, plan, session.read_running(), before, service_networks)
        except TransportError:
            raise
        except DcopsError as error:
            reason = str(error)
        if reason:
            return _take_back(rules, plan, session, before, service_networks, reason)
        session.save()
        after = rules.state_hash(session.read_running())
    return ChangeResult(plan.device, plan.site, "changed", plan.commands, after_hash=after)


def _left_over(rules: PlatformRules, plan: DevicePlan, now: str, before: str, service_networks: Sequence[str]) -> str:
    """What the device did not take: its reverse, computed from what it shows now, must be the plan's own reverse."""
    back = plan_device(rules, plan.device, plan.site, now, before, service_networks)
    if sorted(back.commands) == sorted(plan.rollback):
        return ""
    missing = sorted(set(plan.rollback) ^ set(back.commands))
    return f"the device does not show what was sent: {missing[0] if missing else 'order differs'}"


def _take_back(
    rules: PlatformRules,
    plan: DevicePlan,
    session: DeviceWriter,
    before: str,
    service_networks: Sequence[str],
    reason: str,
) -> ChangeResult:
    """Lead the device back to `before`, from whatever it shows now; `needs_person` when that fails too."""
    try:
        now = session.read_running()
        session.configure(plan_device(rules, plan.device, plan.site, now, before, service_networks).commands)
        final = session.read_running()
        if not plan_device(rules, plan.device, plan.site, final, before, service_networks).is_empty:
            raise DcopsError("the old configuration is not back", where=plan.device)
    except DcopsError as error:
        message = f"{reason}; taking it back failed: {error}"
        return ChangeResult(plan.device, plan.site, "needs_person", plan.commands, reason=message)
    return ChangeResult(plan.device, plan.site, "rolled_back", plan.commands, reason=reason)


def _conclude(plan: DevicePlan, outcome: HostResult[ChangeResult]) -> ChangeResult:
    if outcome.value is not None:
        return replace(outcome.value, seconds=outcome.duration_seconds)
    error = outcome.error or DcopsError("no result", where=plan.device)
    status = "refused" if isinstance(error, HostKeyMismatch) else "failed"
    status = "unreachable" if isinstance(error, Unreachable) else status
    return ChangeResult(plan.device, plan.site, status, reason=str(error), seconds=outcome.duration_seconds)


def _not_started(plan: DevicePlan) -> ChangeResult:
    return ChangeResult(plan.device, plan.site, "not_started", reason="a device of an earlier wave failed")


def _payload(plan: DevicePlan, result: ChangeResult) -> dict[str, object]:
    return {
        "device": result.device,
        "plan_id": plan.plan_id,
        "status": result.status,
        "commands": list(plan.commands),
        "before_sha256": plan.state_hash,
        "after_sha256": result.after_hash,
        "is_rollback": result.status in ("rolled_back", "needs_person"),
        "error": result.reason,
        "details": {"site": result.site, "rollback": list(plan.rollback), "seconds": round(result.seconds, 3)},
    }

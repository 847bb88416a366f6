"""Moving a service address between sites: sessions first, then the two sides in the chosen order, then save."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dcops.core.clock import monotonic
from dcops.core.errors import ApplyError, DcopsError, PlanError
from dcops.core.exitcodes import ExitCode
from dcops.network.intent import Network
from dcops.network.model import Announcement, ChangeResult, MoveOrder, MoveResult, ServiceAddress, ServiceState, Target
from dcops.network.parse import announces
from dcops.network.plan import plan_announcement, plan_move_waves
from dcops.network.platforms.rules import platform
from dcops.network.ports import DeviceWriter, OpenWriter, Recorder
from dcops.runs.cancel import CancelToken
from dcops.runs.executor import Limits, fan_out

__all__ = ["move_service", "withdraw_service"]

LIMITS = Limits(forks=8, deadline_seconds=60)


def _silent(_line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class _Move:
    """What is asked: `to_site` alone announces `service`, or nobody when it is None."""

    network: Network
    service: ServiceAddress
    to_site: str | None
    order: MoveOrder
    token: CancelToken | None
    report: Callable[[str], None]


@dataclass
class _Open:
    """One router with an open session: what it showed and what was sent."""

    target: Target
    session: DeviceWriter
    running: str


def move_service(
    network: Network,
    name: str,
    to_site: str,
    *,
    writer: OpenWriter,
    record: Recorder,
    order: MoveOrder = MoveOrder.WITHDRAW_FIRST,
    token: CancelToken | None = None,
    report: Callable[[str], None] = _silent,
) -> MoveResult:
    """Have `to_site` alone announce service `name`; moving it where it already is changes nothing.

    Sessions to all routers are opened and read first, so that the gap holds no connecting. Routers of a site that is
    lost cannot withdraw: they are named in the result's notes, and the other side announces all the same. Raise
    PlanError when `to_site` cannot serve or none of its routers answers, Refused when a router is not the enrolled one
    (nothing was touched), ApplyError when a router failed on the way.
    """
    service = network.service(name)
    if service.next_hop(to_site) is None:
        raise PlanError(f"{to_site} cannot serve it", where=name, hint=f"Sites: {', '.join(dict(service.next_hops))}.")
    return _relocate(_Move(network, service, to_site, order, token, report), writer, record)


def withdraw_service(
    network: Network,
    name: str,
    *,
    writer: OpenWriter,
    record: Recorder,
    token: CancelToken | None = None,
    report: Callable[[str], None] = _silent,
) -> MoveResult:
    """Have nobody announce service `name`: what fences a site before another one restores. A second call is harmless.

    Routers that do not answer cannot withdraw and are named in the result's notes. Raise Refused when a router is not
    the enrolled one (nothing was touched), ApplyError when a router that answers goes on announcing.
    """
    move = _Move(network, network.service(name), None, MoveOrder.WITHDRAW_FIRST, token, report)
    return _relocate(move, writer, record)


def _relocate(move: _Move, writer: OpenWriter, record: Recorder) -> MoveResult:
    started = monotonic()
    service, to_site = move.service, move.to_site
    able = [target for target in move.network.targets if service.next_hop(target.site)]
    with _sessions(able, writer, move.token) as (opened, errors):
        before = _state(service, opened, errors)
        for error in errors.values():
            if error.exit_code is ExitCode.REFUSED:  # not the device it should be, which is no reason to pass it over
                raise error
        if to_site is not None and not any(item.target.site == to_site for item in opened.values()):
            reasons = "; ".join(str(errors[target.name]) for target in able if target.site == to_site)
            raise PlanError(
                f"no router of {to_site} answers: {reasons}", where=service.name, hint="Nothing was touched."
            )
        results = _change_sides(move, opened)
        after = _state(service, opened, errors)
    notes = tuple(f"{device} was not asked: {error}" for device, error in sorted(errors.items()))
    done = MoveResult(service.name, to_site, move.order, before, after, results, monotonic() - started, notes)
    record("network.service_move", _payload(done))
    _require_done(done)
    return done


@contextmanager
def _sessions(
    targets: Sequence[Target], writer: OpenWriter, token: CancelToken | None
) -> Iterator[tuple[dict[str, _Open], dict[str, DcopsError]]]:
    by_name = {target.name: target for target in targets}
    opened: dict[str, _Open] = {}
    errors: dict[str, DcopsError] = {}
    with ExitStack() as stack:

        def open_one(name: str) -> _Open:
            session = stack.enter_context(writer(by_name[name]))
            return _Open(by_name[name], session, session.read_running())

        for result in fan_out(list(by_name), open_one, limits=LIMITS, token=token):
            if result.value is not None:
                opened[result.host] = result.value
            else:
                errors[result.host] = result.error or DcopsError("no result", where=result.host)
        yield opened, errors


def _change_sides(move: _Move, opened: Mapping[str, _Open]) -> tuple[ChangeResult, ...]:
    results: list[ChangeResult] = []
    for wave in plan_move_waves(move.order, move.to_site, {item.target.site for item in opened.values()}):
        names = [name for name, item in opened.items() if item.target.site in wave]
        for result in fan_out(names, lambda name: _change_one(move, opened[name]), limits=LIMITS, token=move.token):
            site = opened[result.host].target.site
            done = result.value or ChangeResult(result.host, site, "failed", reason=str(result.error))
            results.append(done)
            move.report(f"{done.device}: {done.status}")
        if any(item.status == "failed" for item in results) and move.order is MoveOrder.WITHDRAW_FIRST:
            break  # announcing while the other side still answers is what this order exists to prevent
    changed = {item.device for item in results if item.status == "changed"}
    for settled in fan_out(list(opened), _settle(opened, changed), limits=LIMITS):
        if settled.error is not None:
            site = opened[settled.host].target.site
            results.append(ChangeResult(settled.host, site, "failed", reason=f"not saved: {settled.error}"))
    return tuple(results)


def _settle(opened: Mapping[str, _Open], changed: set[str]) -> Callable[[str], bool]:
    """What ends a move on one router: save what was changed, and read again what it shows."""

    def settle(name: str) -> bool:
        item = opened[name]
        if name in changed:
            item.session.save()
        item.running = item.session.read_running()
        return True

    return settle


def _change_one(move: _Move, item: _Open) -> ChangeResult:
    target, service = item.target, move.service
    announcement = Announcement(service.name, service.prefix, service.next_hop(target.site) or "")
    plan = plan_announcement(
        platform(target.platform),
        move.network.intent(target.name, {}),
        item.running,
        announcement,
        is_wanted=target.site == move.to_site,
    )
    if plan.is_empty:
        return ChangeResult(target.name, target.site, "unchanged")
    started = monotonic()
    item.session.configure(plan.commands)
    return ChangeResult(target.name, target.site, "changed", plan.commands, seconds=monotonic() - started)


def _state(service: ServiceAddress, opened: Mapping[str, _Open], errors: Mapping[str, DcopsError]) -> ServiceState:
    announcing = [
        item.target
        for item in opened.values()
        if announces(platform(item.target.platform), item.running, service.prefix)
    ]
    return ServiceState(
        service.name,
        service.prefix,
        service.home_site,
        tuple(sorted(target.name for target in announcing)),
        tuple(sorted({target.site for target in announcing})),
        tuple(sorted(errors)),
    )


def _require_done(move: MoveResult) -> None:
    failed = [result for result in move.results if result.status == "failed"]
    if not failed and move.is_done:
        return
    reasons = "; ".join(f"{result.device}: {result.reason}" for result in failed)
    where_now = " and ".join(move.after.sites) or "no site"
    wanted = f"by {move.to_site} alone" if move.to_site else "by nobody"
    raise ApplyError(
        f"announced by {where_now}, not {wanted}" + (f" ({reasons})" if reasons else ""),
        done=[result.device for result in move.results if result.status in ("changed", "unchanged")],
        failed=[result.device for result in failed],
        left=[],
        where=move.service,
    )


def _payload(move: MoveResult) -> dict[str, object]:
    return {
        "service": move.service,
        "address": move.after.prefix,
        "from_site": " ".join(move.before.sites),
        "to_site": move.to_site or "",
        "status": "changed" if move.is_done else "failed",
        "duration_seconds": round(move.seconds, 3),
        "details": {
            "order": move.order.value,
            "announced_before": list(move.before.announced_by),
            "announced_after": list(move.after.announced_by),
            "commands": {item.device: list(item.commands) for item in move.results if item.commands},
            "errors": {item.device: item.reason for item in move.results if item.reason},
            "notes": list(move.notes),
        },
    }

"""The exporter's HTTP face: `/snmp` polls a device, `/sd/*` tells Prometheus whom to scrape, `/metrics` is its own.

A device that does not answer is a failed scrape (HTTP 500 with the reason), so that `up` is 0 for it; with
`partial=true` what could be read is given, with `snmp_module_up` per module. A wrong request is HTTP 400.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
from anyio import CapacityLimiter
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError, UsageError
from dcops.core.secrets import SecretStore
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.snmp.model import Auth, Endpoint
from dcops.snmp.ports import SnmpClient
from dcops.snmp.service import poll
from dcops.wiring.snmp import Auths, find_endpoint, open_client
from dcops.wiring.source import InventorySource
from exporters.collectors import MODULES
from exporters.discovery import node_targets, snmp_targets
from exporters.exposition import CONTENT_TYPE, Family, render
from exporters.service_metrics import SelfMetrics

__all__ = ["Context", "create_app", "make_context"]

DEFAULT_MODULES = "system,interfaces"
LONGEST_SECONDS = 10.0
MARGIN_SECONDS = 0.5  # what is left for encoding and the way back before Prometheus gives up
POLL_THREADS = 32


@dataclass
class Context:
    """What the app works with. `also` are further `ADDRESS:PORT` that may be asked.

    On a host that is not enrolled only those are: the inventory's addresses might be somebody else's there.
    """

    source: InventorySource
    auths: Auths
    client: SnmpClient
    also: Sequence[str] = ()
    is_enrolled: bool = True
    metrics: SelfMetrics = field(default_factory=SelfMetrics)


@dataclass(frozen=True)
class _Question:
    endpoint: Endpoint
    auth: Auth
    modules: tuple[str, ...]
    deadline_seconds: float
    is_partial: bool


def create_app(context: Context) -> Starlette:
    """The ASGI application over `context`."""
    limiter = CapacityLimiter(POLL_THREADS)

    async def snmp(request: Request) -> Response:
        try:
            question = _question(context, request)
        except UsageError as error:
            return _counted(context, "snmp", PlainTextResponse(f"{error}\n", 400))
        except DcopsError as error:
            return _counted(context, "snmp", PlainTextResponse(f"{error}\n", 500))
        answer = await anyio.to_thread.run_sync(_answer, context, question, limiter=limiter)
        return _counted(context, "snmp", answer)

    def discovery(kind: str) -> Route:
        find = {"node": node_targets, "snmp": snmp_targets}[kind]

        async def answer(request: Request) -> Response:
            inventory = await anyio.to_thread.run_sync(context.source.get)
            try:
                found = JSONResponse(find(inventory, dict(request.query_params)))
            except UsageError as error:
                return _counted(context, "sd", PlainTextResponse(f"{error}\n", 400))
            return _counted(context, "sd", found)

        return Route(f"/sd/{kind}", answer)

    async def metrics(_request: Request) -> Response:
        context.metrics.inventory_ok.set(0 if context.source.error else 1)
        return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE)

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def ready(_request: Request) -> Response:
        problem = await anyio.to_thread.run_sync(_not_ready, context)
        return PlainTextResponse(f"{problem or 'ready'}\n", 503 if problem else 200)

    return Starlette(
        routes=[
            Route("/snmp", snmp),
            discovery("snmp"),
            discovery("node"),
            Route("/metrics", metrics),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
        ]
    )


def _counted(context: Context, endpoint: str, response: Response) -> Response:
    context.metrics.requests.labels(endpoint, str(response.status_code)).inc()
    return response


def _not_ready(context: Context) -> str:
    if context.source.error is not None:
        return f"the inventory is wrong: {context.source.error.message}"
    try:
        for name in context.auths.names():
            context.auths.get(name)
    except DcopsError as error:
        return str(error)
    return ""


def _question(context: Context, request: Request) -> _Question:
    parameters = request.query_params
    targets = parameters.getlist("target")
    if len(targets) != 1 or not targets[0]:
        raise UsageError("exactly one target is needed", hint="/snmp?target=jkt-rtr1&module=system,interfaces,bgp")
    endpoint = find_endpoint(targets[0], context.source.get(), context.also)
    if endpoint.device and not context.is_enrolled:
        hint = "Run the exporter on an operations server."
        raise UsageError("this host is not enrolled, so it polls no device", where=endpoint.device, hint=hint)
    return _Question(
        endpoint=endpoint,
        modules=_modules(parameters.getlist("module")),
        deadline_seconds=_deadline(request.headers.get("x-prometheus-scrape-timeout-seconds")),
        auth=context.auths.get(parameters.get("auth", "default")),
        is_partial=parameters.get("partial", "false") == "true",
    )


def _modules(given: Sequence[str]) -> tuple[str, ...]:
    words = [word for text in given or [DEFAULT_MODULES] for word in text.split(",") if word]
    if not words:
        raise UsageError("no module is named", hint=f"Modules: {', '.join(MODULES)}.")
    for word in words:
        if word not in MODULES:
            near = did_you_mean(word, MODULES)
            hint = f'Did you mean "{near}"?' if near else f"Modules: {', '.join(MODULES)}."
            raise UsageError(f'module "{word}" is unknown', hint=hint)
    return tuple(dict.fromkeys(words))


def _deadline(header: str | None) -> float:
    if header is None:
        return LONGEST_SECONDS
    try:
        allowed = float(header)
    except ValueError:
        allowed = 0.0
    if not 0 < allowed < 3600:
        raise UsageError(f'"{header}" is no scrape timeout', where="X-Prometheus-Scrape-Timeout-Seconds")
    return min(LONGEST_SECONDS, allowed - MARGIN_SECONDS if allowed > 2 * MARGIN_SECONDS else allowed / 2)


def _answer(context: Context, question: _Question) -> Response:
    started = monotonic()
    with context.metrics.in_flight.track_inprogress():
        try:
            families = _partial(context, question) if question.is_partial else _strict(context, question)
        except DcopsError as error:
            context.metrics.polls.labels(type(error).__name__).inc()
            return PlainTextResponse(f"{error}\n", 500)
        finally:
            context.metrics.seconds.observe(monotonic() - started)
    context.metrics.polls.labels("ok").inc()
    took = Family("snmp_scrape_duration_seconds", "gauge", "Duration of this poll.", [({}, monotonic() - started)])
    return Response(render([*families, took]), media_type=CONTENT_TYPE)


def _strict(context: Context, question: _Question) -> list[Family]:
    subtrees = [oid for name in question.modules for oid in MODULES[name].subtrees]
    found = poll(context.client, question.endpoint, question.auth, subtrees, deadline_seconds=question.deadline_seconds)
    context.metrics.variables.inc(len(found.walk))
    families = [family for name in question.modules for family in MODULES[name].collect(found.walk)]
    up = Family("dcops_device_up", "gauge", "1 when the device answered.", [({"protocol": "snmp"}, 1)])
    read = Family("snmp_scrape_pdus_returned", "gauge", "Variables read.", [({}, len(found.walk))])
    return [up, *families, read]


def _partial(context: Context, question: _Question) -> list[Family]:
    end = monotonic() + question.deadline_seconds
    families: list[Family] = []
    up: list[tuple[Mapping[str, str], float]] = []
    errors: list[tuple[Mapping[str, str], float]] = []
    for name in question.modules:
        left = max(0.0, end - monotonic())
        try:
            found = poll(
                context.client, question.endpoint, question.auth, MODULES[name].subtrees, deadline_seconds=left
            )
        except DcopsError as error:
            errors.append(({"module": name, "reason": type(error).__name__}, 1))
            up.append(({"module": name}, 0))
            continue
        context.metrics.variables.inc(len(found.walk))
        families += MODULES[name].collect(found.walk)
        up.append(({"module": name}, 1))
    any_up = float(any(value for _, value in up))
    return [
        Family("dcops_device_up", "gauge", "1 when the device answered.", [({"protocol": "snmp"}, any_up)]),
        *families,
        Family("snmp_module_up", "gauge", "1 when the module was read whole.", up),
        Family("snmp_module_error", "gauge", "1 for each module that failed, with the kind of error.", errors),
    ]


def make_context(settings: Settings, inventory: str | None, also: Sequence[str], auth_file: Path | None) -> Context:
    """The app's context on this installation; raise SpecError for a wrong inventory or auth file."""
    from dcops.cli.common import reading_inventory

    source = InventorySource(settings.inventory_root(reading_inventory(settings, inventory)))
    auths = Auths(auth_file or settings.home / "exporters" / "auths.yml", SecretStore(settings))
    return Context(source, auths, open_client(), also, is_enrolled=settings.identity_path.exists())

"""The FastAPI application: routes, problems, measuring, and a document (OpenAPI) that says what it really does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from dcops import __version__
from dcops.api.context import Context
from dcops.api.problems import Problem, install
from dcops.api.routes import probes, v1
from dcops.core.clock import monotonic

__all__ = ["create_app"]

_DESCRIPTION = (
    "Applications of the ministry's catalogue and the state of its links to the national side. Read only; what is not "
    "known is null or `unknown`. Errors are problem details (RFC 9457)."
)


def create_app(context: Context) -> FastAPI:
    """The application over `context`."""
    app = FastAPI(title="dcops", version=__version__, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.context = context
    app.include_router(v1)
    app.include_router(probes)
    install(app)
    app.middleware("http")(_measure)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


async def _measure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    started = monotonic()
    status = 500
    try:
        response = await call_next(request)
        status = response.status_code
    finally:
        route = getattr(request.scope.get("route"), "path", "none")  # never the path asked: it would be unbounded
        metrics = request.app.state.context.metrics
        metrics.requests.labels(route, _method(request.method), str(status)).inc()
        metrics.seconds.labels(route).observe(monotonic() - started)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS") else "other"


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; FastAPI's own 422 is taken out, as a wrong request is answered 400 here."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    app.openapi_schema = document
    return document

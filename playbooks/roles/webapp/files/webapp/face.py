"""The HTTP face that every application has: JSON answers, problems with a reason, counters for /metrics."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from webapp.errors import Conflict, Invalid, NotPermitted, Unavailable


class Counters:
    """Requests by method, endpoint and status, and the seconds they took; one process, many threads."""

    def __init__(self, prefix: str) -> None:
        """Start at zero; `prefix` begins the names of the metrics."""
        self._prefix = prefix
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: dict[tuple[str, str], float] = {}

    def count(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Add one answered request."""
        with self._lock:
            self._requests[(method, endpoint, status)] += 1
            self._seconds[(method, endpoint)] = self._seconds.get((method, endpoint), 0.0) + seconds

    def text(self) -> str:
        """The counters in the Prometheus text format."""
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._seconds)
        name = f"{self._prefix}_http_requests_total"
        lines = [f"# TYPE {name} counter"]
        for (method, endpoint, status), value in sorted(requests.items()):
            lines.append(f'{name}{{method="{method}",endpoint="{endpoint}",status="{status}"}} {value}')
        name = f"{self._prefix}_http_request_seconds_total"
        lines.append(f"# TYPE {name} counter")
        for (method, endpoint), total in sorted(seconds.items()):
            lines.append(f'{name}{{method="{method}",endpoint="{endpoint}"}} {total:.6f}')
        return "\n".join(lines) + "\n"


def make_face(name: str, gauges: Callable[[], dict[str, int]]) -> Flask:
    """An application named `name` with counters, `/metrics` (these and `gauges`) and an answer for each error.

    Raises nothing itself; views raise Invalid (400), Conflict (409), Unavailable and NotPermitted (503), OSError (507).
    """
    app, counters = Flask(name), Counters(name)

    def metrics() -> Response:
        found = gauges()
        lines = [f"# TYPE {name}_{key} gauge\n{name}_{key} {value}\n" for key, value in sorted(found.items())]
        return Response(counters.text() + "".join(lines), content_type="text/plain; version=0.0.4")

    def started() -> None:
        request.environ["webapp.start"] = time.monotonic()

    def answered(response: Response) -> Response:
        seconds = time.monotonic() - request.environ.get("webapp.start", time.monotonic())
        counters.count(request.method, request.endpoint or "other", response.status_code, seconds)
        return response

    app.add_url_rule("/metrics", "metrics", metrics)
    app.before_request(started)
    app.after_request(answered)
    app.register_error_handler(Invalid, lambda error: problem(400, str(error)))
    app.register_error_handler(Conflict, lambda error: problem(409, f"{error} has another content"))
    app.register_error_handler(Unavailable, lambda error: problem(503, str(error)))
    app.register_error_handler(NotPermitted, lambda error: problem(503, str(error)))
    app.register_error_handler(OSError, lambda error: problem(507, f"not stored: {error.strerror}"))
    app.register_error_handler(HTTPException, lambda error: problem(error.code or 500, error.name))
    return app


def answer(status: int, body: Any) -> Response:
    """One JSON answer; times in RFC 3339."""
    return Response(json.dumps(body, default=_plain) + "\n", status, content_type="application/json")


def problem(status: int, reason: str) -> Response:
    """One refusal with its reason."""
    return answer(status, {"status": "error", "reason": reason})


def moment_asked(name: str = "sejak") -> datetime:
    """The time a query asks from, 1970 without one. Raises Invalid."""
    try:
        moment = datetime.fromisoformat(request.args.get(name, "1970-01-01T00:00:00Z"))
    except ValueError as error:
        raise Invalid(f"{name} must be a time such as 2026-11-24T04:00:00Z") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def body_of(*fields: str) -> dict[str, str]:
    """The JSON object that was sent, with exactly these texts, none empty. Raises Invalid naming the first wrong one."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    for name in fields:
        if not isinstance(body.get(name), str) or not body[name] or "\x00" in body[name]:
            raise Invalid(f"{name} must be a text that is not empty")
    unknown = sorted(set(body) - set(fields))
    if unknown:
        raise Invalid(f"unknown field {unknown[0]}")
    return {name: body[name] for name in fields}


def _plain(value: Any) -> str:
    if not isinstance(value, datetime):
        return str(value)
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""The HTTP face: parse, call letters and attachments, render JSON. See docs/application.md."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request, send_file
from werkzeug.exceptions import HTTPException

from naskah import attachments, letters
from naskah.attachments import Attachment
from naskah.database import Database, DatabaseDown
from naskah.permit import is_permitted
from naskah.settings import Settings, load_settings

MAX_REQUEST_BYTES = 64 << 20
LIST_LIMIT = 1000
NO_PERMIT = "this site may not accept letters: it has no permit"


class NotPermitted(Exception):
    """This site may not accept writes now; the other one may."""


class Counters:
    """Requests by method, endpoint and status, and the seconds they took; one process, many threads."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: Counter[tuple[str, str]] = Counter()

    def count(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Add one answered request."""
        with self._lock:
            self._requests[(method, endpoint, status)] += 1
            self._seconds[(method, endpoint)] += seconds  # type: ignore[assignment]  # Counter is typed for int only

    def text(self) -> str:
        """The counters in the Prometheus text format."""
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._seconds)
        lines = ["# TYPE naskah_http_requests_total counter"]
        for (method, endpoint, status), value in sorted(requests.items()):
            labels = f'method="{method}",endpoint="{endpoint}",status="{status}"'
            lines.append(f"naskah_http_requests_total{{{labels}}} {value}")
        lines.append("# TYPE naskah_http_request_seconds_total counter")
        for (method, endpoint), total in sorted(seconds.items()):
            labels = f'method="{method}",endpoint="{endpoint}"'
            lines.append(f"naskah_http_request_seconds_total{{{labels}}} {total:.6f}")
        return "\n".join(lines) + "\n"


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; without `settings` they are read as load_settings() says."""
    app = Flask("naskah")
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    _Site(app, settings or load_settings())
    return app


class _Site:
    """The views of one site, bound to its database and attachments folder."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        self.counters = Counters()
        app.add_url_rule("/sehat", "sehat", self.health)
        app.add_url_rule("/metrics", "metrics", self.metrics)
        app.add_url_rule("/surat", "surat_baru", self.receive, methods=["POST"])
        app.add_url_rule("/surat", "daftar", self.list_since)
        app.add_url_rule("/surat/<uuid:letter_id>", "surat", self.show)
        app.add_url_rule("/surat/<uuid:letter_id>/lampiran/<sha256>", "lampiran", self.attachment)
        app.before_request(self._start)
        app.after_request(self._finish)
        app.register_error_handler(DatabaseDown, lambda error: _problem(503, f"database: {error}"))
        app.register_error_handler(NotPermitted, lambda error: _problem(503, NO_PERMIT))
        app.register_error_handler(letters.Invalid, lambda error: _problem(400, str(error)))
        app.register_error_handler(letters.Conflict, lambda error: _problem(409, f"{error} has another content"))
        app.register_error_handler(OSError, lambda error: _problem(507, f"attachments: {error.strerror}"))
        app.register_error_handler(HTTPException, lambda error: _problem(error.code or 500, error.name))

    def health(self) -> Response:
        """200 when a letter sent now would be accepted; 503 with the reason otherwise."""
        body: dict[str, Any] = {"status": "error", "site": self.settings.site, "database": "error", "letters": None}
        try:
            with self.database.transaction(seconds=1.0) as cursor:
                body["letters"], problem = letters.health(cursor)
        except DatabaseDown as error:
            return _json(503, {**body, "reason": f"database: {error}"})
        if not problem:
            body["database"] = "ok"
            if not is_permitted(self.settings.permit):
                problem = NO_PERMIT
            elif not os.access(self.settings.attachments, os.W_OK):
                problem = "the attachments folder cannot be written"
        if problem:
            return _json(503, {**body, "reason": problem})
        return _json(200, {**body, "status": "ok"})

    def metrics(self) -> Response:
        """Counters of this process, whether the database answers, and whether this site may accept letters."""
        try:
            with self.database.transaction(seconds=1.0) as cursor:
                count, problem = letters.health(cursor)
            state = f"naskah_database_up {0 if problem else 1}\nnaskah_letters {count}\n"
        except DatabaseDown:
            state = "naskah_database_up 0\n"
        head = "# TYPE naskah_database_up gauge\n# TYPE naskah_letters gauge\n# TYPE naskah_permitted gauge\n"
        state += f"naskah_permitted {int(is_permitted(self.settings.permit))}\n"
        return Response(self.counters.text() + head + state, content_type="text/plain; version=0.0.4")

    def receive(self) -> Response:
        """Accept one letter: JSON, or multipart with a JSON part `surat` and files `lampiran`."""
        letter = letters.parse_letter(_letter_body())
        self._require_permit()
        folder, files = self.settings.attachments, request.files.getlist("lampiran")
        stored = {attachments.store(folder, item.filename or "lampiran", item.stream) for item in files}
        unique = list({item.sha256: item for item in sorted(stored)}.values())
        moment = self._add(letter, unique)
        self._require_permit()  # lost meanwhile: it is stored, but nobody was told so, and it is harmless to send again
        return _json(201, {"id": str(letter.id), "diterima_pada": moment, "diterima_di": self.settings.site})

    def _require_permit(self) -> None:
        if not is_permitted(self.settings.permit):
            raise NotPermitted

    def _add(self, letter: letters.Letter, files: list[Attachment]) -> datetime:
        with self.database.transaction() as cursor:
            return letters.add(cursor, letter, files, self.settings.site)

    def show(self, letter_id: uuid.UUID) -> Response:
        """One letter, 404 when there is none."""
        with self.database.transaction() as cursor:
            found = letters.find(cursor, letter_id)
        return _json(200, found) if found else _problem(404, "no such letter")

    def list_since(self) -> Response:
        """Letters received since `sejak` (RFC 3339), oldest first, at most 1,000; the next call starts at the last."""
        try:
            moment = datetime.fromisoformat(request.args.get("sejak", "1970-01-01T00:00:00Z"))
        except ValueError:
            return _problem(400, "sejak must be a time such as 2026-11-24T04:00:00Z")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        with self.database.transaction() as cursor:
            return _json(200, {"surat": letters.since(cursor, moment, LIST_LIMIT)})

    def attachment(self, letter_id: uuid.UUID, sha256: str) -> Response:
        """The bytes of one attachment; 404 when the letter has none of this hash, 410 when the file is gone."""
        with self.database.transaction() as cursor:
            found = letters.attachment_of(cursor, letter_id, sha256)
        if found is None:
            return _problem(404, "no such attachment")
        path = attachments.path_of(self.settings.attachments, found.sha256)
        if not path.is_file():
            return _problem(410, "the file of this attachment is missing")
        return send_file(path, "application/octet-stream", as_attachment=True, download_name=found.name)

    @staticmethod
    def _start() -> None:
        request.environ["naskah.start"] = time.monotonic()

    def _finish(self, response: Response) -> Response:
        seconds = time.monotonic() - request.environ.get("naskah.start", time.monotonic())
        self.counters.count(request.method, request.endpoint or "other", response.status_code, seconds)
        return response


def _letter_body() -> Any:
    if request.is_json:
        return request.get_json(silent=True)
    try:
        return json.loads(request.form.get("surat", ""))
    except ValueError as error:
        raise letters.Invalid("the part surat must be JSON") from error


def _problem(status: int, reason: str) -> Response:
    return _json(status, {"status": "error", "reason": reason})


def _json(status: int, body: Any) -> Response:
    return Response(json.dumps(body, default=_plain) + "\n", status, content_type="application/json")


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)

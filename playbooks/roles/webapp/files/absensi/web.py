"""The HTTP face of absensi: parse, call entries, render JSON. See docs/application.md."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

from flask import Flask, Response, request

from absensi import entries
from absensi.database import Database
from webapp.errors import Invalid, Unavailable
from webapp.face import answer, body_of, make_face, moment_asked, problem
from webapp.permit import require_permit, why_not
from webapp.settings import Settings, load_settings

LIST_LIMIT = 1000


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; without `settings` they are read as load_settings() says."""
    site = _Site(settings or load_settings())
    app = make_face("absensi", site.gauges)
    app.add_url_rule("/sehat", "sehat", site.health)
    app.add_url_rule("/absensi", "absensi_baru", site.receive, methods=["POST"])
    app.add_url_rule("/absensi", "daftar", site.list_since)
    app.add_url_rule("/absensi/<uuid:entry_id>", "absensi", site.show)
    app.add_url_rule("/ringkasan", "ringkasan", site.summary)
    return app


class _Site:
    """The views of one site, bound to its database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)

    def health(self) -> Response:
        """200 when an entry sent now would be accepted; 503 with the reason otherwise."""
        body: dict[str, Any] = {"status": "error", "site": self.settings.site, "database": "error", "entries": None}
        try:
            with self.database.transaction() as cursor:
                body["entries"], reason = entries.health(cursor)
        except Unavailable as error:
            return answer(503, {**body, "reason": str(error)})
        body["database"] = "error" if reason else "ok"
        if reason := reason or why_not(self.settings):
            return answer(503, {**body, "reason": reason})
        return answer(200, {**body, "status": "ok"})

    def gauges(self) -> dict[str, int]:
        """Whether the database can be used, how many entries it holds, whether this site may accept more."""
        permitted = {"permitted": 0 if why_not(self.settings) else 1}
        try:
            with self.database.transaction() as cursor:
                count, reason = entries.health(cursor)
        except Unavailable:
            return {"database_up": 0, **permitted}
        return {"database_up": 0 if reason else 1, "entries": count, **permitted}

    def receive(self) -> Response:
        """Accept one entry; it is committed before it is acknowledged."""
        require_permit(self.settings)
        entry = entries.parse_entry(body_of(*entries.FIELDS))
        with self.database.transaction() as cursor:
            found = entries.add(cursor, entry, self.settings.site)
        require_permit(self.settings)
        return answer(201, {name: found[name] for name in ("id", "diterima_pada", "diterima_di")})

    def show(self, entry_id: uuid.UUID) -> Response:
        """One entry, 404 when there is none."""
        with self.database.transaction() as cursor:
            found = entries.find(cursor, entry_id)
        return answer(200, found) if found else problem(404, "no such entry")

    def list_since(self) -> Response:
        """Entries received since `sejak` (RFC 3339), oldest first, at most 1,000."""
        moment = moment_asked()
        with self.database.transaction() as cursor:
            return answer(200, {"absensi": entries.since(cursor, moment, LIST_LIMIT)})

    def summary(self) -> Response:
        """Counts of one day, `tanggal` (default: today, UTC); no member of staff is named."""
        try:
            day = date.fromisoformat(request.args.get("tanggal") or datetime.now(UTC).date().isoformat())
        except ValueError as error:
            raise Invalid("tanggal must be a day such as 2026-11-24") from error
        with self.database.transaction() as cursor:
            return answer(200, {"tanggal": day, **entries.summary(cursor, day)})

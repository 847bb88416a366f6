"""The HTTP face of kearsipan: parse, call the archive, render JSON. See docs/application.md."""

from __future__ import annotations

import os
import uuid
from typing import Any

from flask import Flask, Response, send_file

from kearsipan.archive import FIELDS, Archive
from naskah.attachments import path_of
from webapp.errors import Unavailable
from webapp.face import answer, body_of, make_face, moment_asked, problem
from webapp.permit import require_permit, why_not
from webapp.settings import Settings, load_settings

LIST_LIMIT = 1000


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; without `settings` they are read as load_settings() says. Makes an index where none is."""
    site = _Site(settings or load_settings())
    app = make_face("kearsipan", site.gauges)
    app.add_url_rule("/sehat", "sehat", site.health)
    app.add_url_rule("/arsip", "arsip_baru", site.receive, methods=["POST"])
    app.add_url_rule("/arsip", "daftar", site.list_since)
    app.add_url_rule("/arsip/<uuid:document_id>", "arsip", site.show)
    app.add_url_rule("/arsip/<uuid:document_id>/berkas", "berkas", site.document)
    return app


class _Site:
    """The views of one site, bound to its archive."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.archive = Archive(settings)
        self.archive.index.ensure()

    def health(self) -> Response:
        """200 when a document could be stored and named in the index now; 503 with the reason otherwise."""
        count, reason = self._state()
        body: dict[str, Any] = {"site": self.settings.site, "documents": count}
        if reason := reason or why_not(self.settings):
            return answer(503, {"status": "error", **body, "reason": reason})
        return answer(200, {"status": "ok", **body})

    def gauges(self) -> dict[str, int]:
        """Whether the store can be used, how many documents the index names, whether this site may archive more."""
        count, reason = self._state()
        found = {"store_up": 0 if reason else 1, "permitted": 0 if why_not(self.settings) else 1}
        return found if count is None else {**found, "documents": count}

    def _state(self) -> tuple[int | None, str]:
        try:
            count = self.archive.index.count()
        except Unavailable as error:
            return None, str(error)
        return count, "" if os.access(self.archive.folder, os.W_OK) else "the file store cannot be written"

    def receive(self) -> Response:
        """Archive the attachment of a letter; bytes and row are on the disk before this is acknowledged."""
        require_permit(self.settings)
        found = self.archive.add(body_of(*FIELDS))
        require_permit(self.settings)
        return answer(201, {name: found[name] for name in ("id", "diarsipkan_pada", "diarsipkan_di")})

    def show(self, document_id: uuid.UUID) -> Response:
        """One document's row, 404 when there is none."""
        found = self.archive.index.find(document_id)
        return answer(200, found) if found else problem(404, "no such document")

    def list_since(self) -> Response:
        """Documents archived since `sejak` (RFC 3339), oldest first, at most 1,000."""
        return answer(200, {"arsip": self.archive.index.since(moment_asked(), LIST_LIMIT)})

    def document(self, document_id: uuid.UUID) -> Response:
        """The bytes of one document; 404 when the index has none of this id, 410 when its file is gone."""
        found = self.archive.index.find(document_id)
        if found is None:
            return problem(404, "no such document")
        path = path_of(self.archive.folder, found["sha256"])
        if not path.is_file():
            return problem(410, "the file of this document is missing")
        return send_file(path, "application/octet-stream", as_attachment=True, download_name=found["nama"])

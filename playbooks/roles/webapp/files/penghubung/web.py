"""The HTTP face of penghubung: the combined view. See docs/application.md."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flask import Flask, Response, request

from penghubung.view import View
from webapp.client import Client
from webapp.errors import Invalid
from webapp.face import answer, make_face
from webapp.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; without `settings` they are read as load_settings() says."""
    site = _Site(settings or load_settings())
    app = make_face("penghubung", site.gauges)
    app.add_url_rule("/sehat", "sehat", site.health)
    app.add_url_rule("/layanan", "layanan", site.combined)
    return app


class _Site:
    """The views of one site, bound to the applications behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.view = View({name: Client(addresses, settings.ca) for name, addresses in settings.targets.items()})

    def health(self) -> Response:
        """200 when each application behind answers; 503 naming those that do not."""
        _, lacking = self.view.combined(datetime.now(UTC).date())
        body = {"site": self.settings.site, "behind": len(self.settings.targets), "lacking": len(lacking)}
        if lacking:
            return answer(503, {"status": "error", **body, "reason": "; ".join(lacking)})
        return answer(200, {"status": "ok", **body})

    def gauges(self) -> dict[str, int]:
        """How many applications are behind it; asking them is left to their own scrapes."""
        return {"behind": len(self.settings.targets)}

    def combined(self) -> Response:
        """The view of one day, `tanggal` (default: today, UTC): 200 whole, 502 with what is lacking and why."""
        try:
            day = date.fromisoformat(request.args.get("tanggal") or datetime.now(UTC).date().isoformat())
        except ValueError as error:
            raise Invalid("tanggal must be a day such as 2026-11-24") from error
        parts, lacking = self.view.combined(day)
        body = {"tanggal": day, "situs": self.settings.site, "layanan": parts, "tidak_terjangkau": lacking}
        return answer(502 if lacking else 200, body)

"""The combined view: each application asked side by side, and what could not be had named with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from webapp.client import Client, NoAnswer

# What the view shows of each application's answer: (path, name in the view, field of the answer).
_ASKED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "naskah": (("/sehat", "jumlah_surat", "letters"), ("/sehat", "situs", "site")),
    "absensi": (
        ("/sehat", "jumlah_absensi", "entries"),
        ("/sehat", "situs", "site"),
        ("/ringkasan?tanggal={day}", "pegawai_hari_itu", "pegawai"),
        ("/ringkasan?tanggal={day}", "masuk", "masuk"),
        ("/ringkasan?tanggal={day}", "pulang", "pulang"),
    ),
    "kearsipan": (("/sehat", "jumlah_arsip", "documents"), ("/sehat", "situs", "site")),
}


class View:
    """Asks the applications it was given."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        """Keep the clients: name of the application -> how it is asked."""
        self._clients = clients
        self._pool = ThreadPoolExecutor(max_workers=2 * len(clients) or 1, thread_name_prefix="view")

    def combined(self, day: date) -> tuple[dict[str, Any], list[str]]:
        """Give application -> its part of the view, and one line for each that could not be had."""
        parts: dict[str, Any] = {}
        lacking = []
        pending = {name: self._pool.submit(self._part, name, day) for name in self._clients}
        for name, part in pending.items():
            try:
                parts[name] = part.result()
            except NoAnswer as error:
                parts[name] = None
                lacking.append(f"{name}: {error}")
        return parts, lacking

    def _part(self, name: str, day: date) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        part = {}
        for template, key, field in _ASKED[name]:
            path = template.format(day=day.isoformat())
            if path not in answers:
                status, answers[path] = self._clients[name].get_json(path)
                if status != 200:
                    raise NoAnswer(f"{path} gave status {status}")
            part[key] = answers[path].get(field)
        return part

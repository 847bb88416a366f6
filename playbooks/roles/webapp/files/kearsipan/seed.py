"""kearsipan-isi: archive the attachments of letters that naskah holds, for rehearsals; a second call adds nothing."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Iterator
from typing import Any

from kearsipan.archive import Archive
from webapp.client import Client, NoAnswer
from webapp.errors import Invalid, Unavailable
from webapp.settings import Settings, load_settings

NAMESPACE = uuid.UUID("b1c8d6e4-2f57-4a0a-8c5e-6f9f0a7d3e11")


def attachments(naskah: Client) -> Iterator[tuple[str, str]]:
    """(letter, SHA-256) of each attachment, in naskah's order. Raises NoAnswer, Unavailable."""
    moment, seen = "1970-01-01T00:00:00Z", set[str]()
    while True:
        listed = _asked(naskah, f"/surat?sejak={moment}")["surat"]
        new = [letter for letter in listed if letter["id"] not in seen]
        for letter in new:
            seen.add(letter["id"])
            for item in _asked(naskah, f"/surat/{letter['id']}")["lampiran"]:
                yield letter["id"], item["sha256"]
        if not new:
            return
        moment = new[-1]["diterima_pada"]


def _asked(naskah: Client, path: str) -> dict[str, Any]:
    status, body = naskah.get_json(path)
    if status != 200:
        raise Unavailable(f"naskah: status {status} for {path}")
    return dict(body)


def run(settings: Settings, documents: int) -> int:
    """Archive the first `documents` attachments; how many were added. Raises Unavailable, NoAnswer, Invalid, OSError."""
    archive, naskah = Archive(settings), Client(settings.targets["naskah"], settings.ca)
    archive.index.ensure()
    added = 0
    for number, (letter, sha256) in enumerate(attachments(naskah)):
        if number == documents:
            break
        key = uuid.uuid5(NAMESPACE, f"{letter}-{sha256}")
        if archive.index.find(key) is None:
            archive.add({"id": str(key), "surat_id": letter, "sha256": sha256, "klasifikasi": f"KP.{number % 9:02d}"})
            added += 1
    return added


def main() -> int:
    """Entry point of kearsipan-isi: 0 done or nothing to do, 1 failed."""
    parser = argparse.ArgumentParser(prog="kearsipan-isi", description="Archive attachments of letters in naskah.")
    parser.add_argument("--documents", type=int, default=60)
    options = parser.parse_args()
    try:
        added = run(load_settings(), options.documents)
    except (Unavailable, NoAnswer, Invalid, OSError, KeyError) as error:
        print(f"kearsipan-isi: {error}", file=sys.stderr)
        return 1
    print(f"documents added {added}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

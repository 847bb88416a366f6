"""Archiving one attachment of a letter: asked of naskah, its hash compared, stored, and then named in the index."""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from typing import Any

from kearsipan.index import Document, Index
from naskah.attachments import Attachment, store
from webapp.client import Client, NoAnswer
from webapp.errors import Invalid, Unavailable
from webapp.settings import Settings

FIELDS = ("id", "surat_id", "sha256", "klasifikasi")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Archive:
    """The archive of one site: its index and its file store, and naskah, where letters are."""

    def __init__(self, settings: Settings) -> None:
        """Keep where things are; nothing is opened yet."""
        self.folder = settings.folder / "arsip"
        self.index = Index(settings.folder / "indeks.db")
        self._site = settings.site
        self._naskah = Client(settings.targets["naskah"], settings.ca)

    def add(self, body: dict[str, str]) -> dict[str, Any]:
        """Archive the attachment that a request names and give the row; the same again gives the same.

        Raises Invalid when the letter is not there or has no such attachment, Conflict, Unavailable, OSError.
        """
        document_id, letter_id = _uuid(body, "id"), _uuid(body, "surat_id")
        sha256 = body["sha256"]
        if not _SHA256.fullmatch(sha256):
            raise Invalid("sha256 must be 64 hexadecimal digits")
        name = self._name_in_letter(letter_id, sha256)
        stored = self._fetch(letter_id, sha256, name)
        document = Document(document_id, letter_id, sha256, name, stored.size_bytes, body["klasifikasi"])
        return self.index.add(document, self._site)

    def _name_in_letter(self, letter_id: uuid.UUID, sha256: str) -> str:
        """Give the name the letter calls its attachment by. Raises Invalid without such a letter or attachment."""
        try:
            status, letter = self._naskah.get_json(f"/surat/{letter_id}")
        except NoAnswer as error:
            raise Unavailable(f"naskah: {error}") from error
        if status == 404:
            raise Invalid("surat_id is no letter in naskah")
        if status != 200:
            raise Unavailable(f"naskah: status {status}")
        names = [str(item["nama"]) for item in letter["lampiran"] if item["sha256"] == sha256]
        if not names:
            raise Invalid("sha256 is no attachment of this letter")
        return names[0]

    def _fetch(self, letter_id: uuid.UUID, sha256: str, name: str) -> Attachment:
        """Fetch the bytes, hold them against the hash and store them durably."""
        try:
            status, content = self._naskah.get(f"/surat/{letter_id}/lampiran/{sha256}")
        except NoAnswer as error:
            raise Unavailable(f"naskah: {error}") from error
        if status != 200:
            raise Unavailable(f"naskah: status {status} for the attachment")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Unavailable("naskah: the attachment's bytes are not those of its hash")
        return store(self.folder, name, io.BytesIO(content))


def _uuid(body: dict[str, str], name: str) -> uuid.UUID:
    try:
        return uuid.UUID(body[name])
    except ValueError as error:
        raise Invalid(f"{name} must be a UUID") from error

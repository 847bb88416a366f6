"""Journals for tests: real keys, a spool in a folder, alarms collected."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcops.core.words import Environment
from dcops.records.model import Stored
from dcops.records.ports import Store
from dcops.records.service import Journal, Writing
from dcops.records.sign import SigningKey
from dcops.records.spool_file import FileSpool


@dataclass
class Key:
    """A signer that lives in memory."""

    key: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def key_id(self) -> str:
        return self.key.key_id

    @property
    def jwk(self) -> dict[str, str]:
        return self.key.public.jwk

    def sign(self, text: str) -> str:
        return self.key.sign(text)


@dataclass
class Alarms:
    """Pages, kept."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, subject: str, body: str) -> None:
        self.sent.append((subject, body))


def journal_on(store: Store, folder: Path, *, name: str = "jkt-ops1", key: Key | None = None, **more: Any) -> Journal:
    """A journal on a store, with its spool below `folder`."""
    writing = Writing(name, name, Environment.TWIN, f"operator-1@{name}", "ab" * 32)
    spool = FileSpool(folder / "spool", lambda: folder / "memory")
    return Journal(store, key or Key(), spool, more.pop("alarm", Alarms()), writing, **more)


def note(journal: Journal, number: int = 0) -> Any:
    """Append a small record."""
    return journal.append("observation", {"subject": "jkt-db1", "aspect": "test", "facts": {"number": number}})


def rows_of(store: Store, name: str = "jkt-ops1") -> list[Stored]:
    return list(store.rows(name))

"""Makes the journal, the artifacts and the approvals of this installation.

    journal = open_journal(settings, inventory, Environment.TWIN)
    journal.append("backup.receipt", {...}, run=run.run_id)

`DCOPS_RECORDS_URL` (postgresql://...) puts the journals into PostgreSQL; without it they are in
`$DCOPS_STATE/records/journal.db`.
"""

import os
from pathlib import Path
from typing import Protocol

from dcops.core.errors import DcopsError, Refused
from dcops.core.settings import Settings
from dcops.core.words import Environment
from dcops.records.key_files import FileSigner, KeyFiles
from dcops.records.ports import Store
from dcops.records.service import Journal, Writing
from dcops.records.spool_file import FileSpool
from dcops.runs.identity import require_identity
from dcops.runs.ports import Urgency
from dcops.runs.run import current_actor
from dcops.runs.spool_notify import SpoolNotify

RECORDS_URL = "DCOPS_RECORDS_URL"


class HasRevision(Protocol):
    """The part of an inventory a record needs."""

    @property
    def revision(self) -> str:
        """The hash of its content."""


def open_journal(
    settings: Settings,
    inventory: HasRevision | None,
    environment: Environment | str,
    *,
    actor: str | None = None,
    journal: str | None = None,
) -> Journal:
    """Return the journal this process appends to. Nothing is opened before the first record.

    The chain is named after the enrolled node, else after this host, and keeps that name. On an enrolled host the
    environment is held against its identity: raise Refused (exit 7) when they differ.
    """
    environment = Environment(environment)
    node = attested_node(settings, environment)
    folder = records_folder(settings)
    files = KeyFiles(folder)
    name = journal or _writer(files, node or os.uname().nodename)
    writing = Writing(
        journal=name,
        host=node or os.uname().nodename,
        environment=environment,
        actor=actor or current_actor(),
        inventory_revision=inventory.revision if inventory is not None else None,
    )
    notify = SpoolNotify(settings.state / "notify")
    return Journal(
        open_store(settings),
        FileSigner(files, name),
        FileSpool(folder / "spool"),
        lambda subject, body: notify.send(Urgency.PAGE, subject, body),
        writing,
    )


def open_store(settings: Settings, *, must_exist: bool = False) -> Store:
    """Return the store of the journals; with `must_exist` nothing is created."""
    url = os.environ.get(RECORDS_URL)
    if url:
        from dcops.records.postgres import PostgresStore

        return PostgresStore(url)
    from dcops.records.sqlite import SqliteStore

    return SqliteStore(records_folder(settings) / "journal.db", must_exist=must_exist)


def records_folder(settings: Settings) -> Path:
    """Return where the journal, its keys and its spool lie."""
    return settings.state / "records"


def attested_node(settings: Settings, environment: Environment) -> str | None:
    """Return the enrolled node's name, None when this host is not enrolled; raise Refused when environments differ."""
    if not settings.identity_path.exists():
        return None
    identity = require_identity(settings.identity_path)
    if identity.environment is not environment:
        raise Refused(
            f"this host belongs to {identity.environment.value}, the act to {environment.value}",
            where=str(settings.identity_path),
            hint="Act from a host enrolled there.",
        )
    return identity.node


def _writer(files: KeyFiles, proposed: str) -> str:
    try:
        return files.writer(proposed)
    except (
        OSError,
        DcopsError,
    ):  # a full or read-only disk: the first append will spool, the name is still this host's
        return proposed

"""Makes the journal, the artifacts and the approvals of this installation.

    journal = open_journal(settings, inventory, Environment.TWIN)
    journal.append("backup.receipt", {...}, run=run.run_id)

`DCOPS_RECORDS_URL` (postgresql://...) puts the journals into PostgreSQL; without it they are in
`$DCOPS_STATE/records/journal.db`.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dcops.core.errors import DcopsError, Refused, UsageError
from dcops.core.files import read_text
from dcops.core.secrets import file_below
from dcops.core.settings import Settings
from dcops.core.words import Environment
from dcops.records.anchors import Anchor, anchor_text, read_anchor
from dcops.records.approval import Approver
from dcops.records.approving import Approvals
from dcops.records.artifacts import Artifacts
from dcops.records.export import ExportReader, export_line, keys_of, write_export
from dcops.records.key_files import FileSigner, KeyFiles
from dcops.records.keyring import KnownKey, read_key_set
from dcops.records.model import Head, Stored, Verification
from dcops.records.ports import Rows, Store
from dcops.records.service import Journal, Records, Writing
from dcops.records.sign import SigningKey
from dcops.records.spool_file import FileSpool
from dcops.records.ssh_keygen import SshKeygen
from dcops.records.verification import Evidence, verify
from dcops.runs.identity import require_identity
from dcops.runs.ports import Urgency
from dcops.runs.run import current_actor
from dcops.runs.spool_notify import SpoolNotify

if TYPE_CHECKING:  # the inventory's models cost as much as all of this; a record needs only a revision
    from dcops.inventory import Inventory
    from dcops.inventory.model.people import Person

RECORDS_URL = "DCOPS_RECORDS_URL"
PEERS = "records/peers"  # keys of other journals, as this host was provisioned with


class HasRevision(Protocol):
    """The part of an inventory a record needs."""

    @property
    def name(self) -> str:
        """What it is called."""

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
    """Return the journal this process appends to. Nothing is opened or written before the first record.

    The chain is named after the enrolled node, else after this host, and keeps that name. A record says only what is
    attested: raise Refused (exit 7) when environment or inventory are not this host's, and for anything but a
    rehearsal on a host that is not enrolled.
    """
    environment = Environment(environment)
    node = attested_node(settings, environment, inventory.name if inventory is not None else None)
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


def open_records(settings: Settings) -> Records:
    """Return the journals for reading only; raise StoreUnavailable at the first use when there are none."""
    return Records(open_store(settings, must_exist=True), KeyFiles(records_folder(settings)).writer(""))


def open_artifacts(settings: Settings) -> Artifacts:
    """Return the content-addressed store of long results."""
    return Artifacts(settings.state / "artifacts")


def open_approvals(settings: Settings, inventory: "Inventory", journal: Journal) -> Approvals:
    """Return the approvals by an inventory's people."""
    people = {name: _approver(person, settings.secrets) for name, person in inventory.people.items()}
    return Approvals(journal, people, SshKeygen())


def known_keys(settings: Settings) -> tuple[KnownKey, ...]:
    """Return the public keys of this installation's own journals."""
    return KeyFiles(records_folder(settings)).known()


def trusted_keys(settings: Settings) -> list[KnownKey]:
    """Return the public keys this host believes: those of its own journals, then those it was provisioned with."""
    known = list(known_keys(settings))
    for file in sorted((settings.state / PEERS).glob("*.json")):
        known += read_key_set(read_text(file), where=str(file))
    return known


def vouched_by(settings: Settings, key_id: str) -> str:
    """Return the journal whose key this is as this host knows it; empty when this host does not know the key."""
    found = (item for item in trusted_keys(settings) if item.key.key_id == key_id)
    return next((item.journal or "any journal" for item in found), "")


def all_keys(settings: Settings, store: Rows) -> list[KnownKey]:
    """Return the public keys of all journals of a store: our own first, then those the chains introduce."""
    found = {(item.journal, item.key.key_id): item for item in known_keys(settings)}
    for journal in store.journals():
        for item in keys_of(store.rows(journal)):
            found.setdefault((item.journal, item.key.key_id), item)
    return list(found.values())


def rotate_key(settings: Settings, journal: Journal, reason: str) -> str:
    """Make a new signing key, introduce it in the chain, put it in place; return its id.

    A crash between the two leaves a chain that was told of a key nobody uses, which is sound; rotate again then.
    """
    key = SigningKey.generate()
    journal.introduce(key.public.jwk, reason)
    KeyFiles(records_folder(settings)).replace(journal.name, key)
    return key.key_id


def journal_key(settings: Settings, journal: str | None) -> tuple[str, str]:
    """Return this installation's journal and the id of its key, made when there is none; `journal` renames it."""
    node = require_identity(settings.identity_path).node if settings.identity_path.exists() else None
    files = KeyFiles(records_folder(settings))
    if journal is not None:
        files.set_writer(journal)
    name = files.writer(node or os.uname().nodename)
    return name, files.load_or_make(name).key_id


def export_lines(settings: Settings, journal: str | None) -> Iterator[str]:
    """Yield all records of one journal, or of all, as JSON lines; seals are not checked."""
    return (export_line(row) for row in _export_rows(open_store(settings, must_exist=True), journal))


def export_records(settings: Settings, opened: Journal, folder: Path, journal: str | None) -> int:
    """Write records, public keys and an anchor into a new folder; return how many records."""
    store = open_store(settings, must_exist=True)
    _, heads = make_anchor(settings, opened)
    return write_export(folder, _export_rows(store, journal), all_keys(settings, store), heads)


def _export_rows(store: Rows, journal: str | None) -> Iterator[Stored]:
    names = store.journals()
    if journal is not None and journal not in names:
        raise UsageError("there is no such journal", where=journal, hint=f"Known: {', '.join(names) or 'none'}.")
    for name in names if journal is None else (journal,):
        yield from store.rows(name)


def verify_records(
    settings: Settings,
    *,
    export: Path | None = None,
    anchors: Iterable[str] = (),
    keys: Path | None = None,
    journals: Iterable[str] = (),
) -> Verification:
    """Verify this installation's journals, or an export; `anchors` are files or http(s) URLs."""
    reader: Rows = ExportReader(export) if export else open_store(settings, must_exist=True)
    heads: list[Anchor] = []
    given: list[KnownKey] = list(read_key_set(read_text(keys), where=str(keys))) if keys else []
    places = tuple(anchors)
    for place in places:
        found, carried = read_anchor(_fetch(place), where=place)
        heads.extend(found)
        given.extend(carried if keys is None else ())
    evidence = Evidence(
        local=() if export else known_keys(settings),
        keys=tuple(given),
        anchors=tuple(heads) if places else None,
        waiting=0 if export else len(FileSpool(records_folder(settings) / "spool").entries()),
        only=tuple(journals),
    )
    return verify(reader, evidence)


def make_anchor(settings: Settings, journal: Journal) -> tuple[tuple[Head, ...], str]:
    """Return the present end of every journal, and the anchor file over them with all public keys known here."""
    heads = journal.heads()
    return heads, anchor_text(journal.sign_heads(heads), all_keys(settings, journal.store))


def records_folder(settings: Settings) -> Path:
    """Return where the journal, its keys and its spool lie."""
    return settings.state / "records"


def attested_node(settings: Settings, environment: Environment, inventory: str | None) -> str | None:
    """Return the enrolled node's name, None on a host that is not enrolled and rehearses.

    Raises Refused when the identity is another environment's or inventory's, or there is none for what counts.
    """
    if settings.identity_path.exists():
        return require_identity(settings.identity_path, environment=environment, inventory=inventory).node
    if not environment.is_rehearsal:
        raise Refused(
            f"this host is not enrolled, so nothing it writes may count as {environment.value}",
            where=str(settings.identity_path),
            hint="Act from an enrolled host.",
        )
    return None


def _writer(files: KeyFiles, proposed: str) -> str:
    try:
        return files.writer(proposed)
    except (OSError, DcopsError):  # a damaged disk: the first append will spool, the name is still this host's
        return proposed


def _fetch(place: str) -> str:
    if place.startswith(("http://", "https://")):
        from dcops.records.httpx2_anchors import fetch_anchor

        return fetch_anchor(place)
    return read_text(Path(place))


def _approver(person: "Person", secrets: Path) -> Approver:
    """Return a person as approvals need them; a key file that is not there yet counts as no key."""
    lines = [key.line or _key_file(key.ref or "", secrets) for key in person.keys]
    return Approver(person.name, frozenset(role.value for role in person.roles), tuple(line for line in lines if line))


def _key_file(ref: str, secrets: Path) -> str:
    """Return the first line of a public key file; it is no secret, so its mode does not matter."""
    if not ref.startswith("file:"):
        return ""
    path = file_below(secrets, ref)
    lines = read_text(path).splitlines() if path.exists() else []
    return lines[0] if lines and lines[0].startswith(("ssh-", "ecdsa-", "sk-")) else ""

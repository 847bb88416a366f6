"""Frozen types of a backup: the policy people write, what was observed, what was stored and what proves it."""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from dcops.core.errors import DcopsError
from dcops.core.units import Bytes, Seconds
from dcops.core.words import Frozen, Value
from dcops.records.kinds.backup import Receipt

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
SqlName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
SecretRef = Annotated[str, Field(pattern=r"^(file|env|credential|vault):.+$")]


class HttpLogin(Frozen):
    """The account a site uses at a rest-server; the password is a reference, never the password."""

    user: Identifier
    password: SecretRef


class RepositorySpec(Frozen):
    """One restic repository: where it is, its key, and with which account each site reaches it.

    Attributes:
        url: a restic repository without any credential in it, `rest:https://host:port/path/` or a folder.
        logins: site name -> account at the rest-server; empty for a folder.
        ca: certificate authority of the server, a file secret.
        create_if_missing: a first run may initialise the repository; once enrolled, a missing one is always an error.
    """

    name: Identifier
    url: str
    password: SecretRef
    logins: dict[Identifier, HttpLogin] = Field(default_factory=dict)
    ca: SecretRef | None = None
    create_if_missing: bool = False


class NewestColumn(Frozen):
    """The column that tells how recent the data of a dump is."""

    table: SqlName
    column: SqlName


class ReferenceColumn(Frozen):
    """A column that names files of a content-addressed source by their SHA-256."""

    table: SqlName
    column: SqlName
    owner: SqlName | None = None


class DatabaseSource(Frozen):
    """A PostgreSQL database, dumped from one consistent snapshot and streamed; with `ca` only over verified TLS."""

    id: Identifier
    kind: Literal["postgresql"]
    device: str
    port: int = 5432
    database: SqlName
    user: SqlName
    password: SecretRef
    ca: SecretRef | None = None
    newest: NewestColumn | None = None
    references: ReferenceColumn | None = None


class MariadbSource(Frozen):
    """A MariaDB database, dumped from one consistent snapshot and streamed; with `ca` only over verified TLS."""

    id: Identifier
    kind: Literal["mariadb"]
    device: str
    port: int = 3306
    database: SqlName
    user: SqlName
    password: SecretRef
    ca: SecretRef | None = None
    newest: NewestColumn | None = None
    references: ReferenceColumn | None = None


class SqliteSource(Frozen):
    """A small SQLite file on another host, copied whole over SSH by SQLite's own backup; no account, no password."""

    id: Identifier
    kind: Literal["sqlite_over_ssh"]
    device: str
    database: SqlName
    path: Annotated[str, Field(pattern=r"^/")]
    ssh_user: Identifier = "root"
    newest: NewestColumn | None = None
    references: ReferenceColumn | None = None


AnySource = Annotated[DatabaseSource | MariadbSource | SqliteSource, Field(discriminator="kind")]
# kind of a database source -> the engine's name, and how its dump ends.
ENGINES = {"postgresql": ("PostgreSQL", "dump"), "mariadb": ("MariaDB", "sql"), "sqlite_over_ssh": ("SQLite", "db")}


class FilesSource(Frozen):
    """A folder of files named by their SHA-256 on another host, mirrored over SSH and backed up file by file."""

    id: Identifier
    kind: Literal["files_over_ssh"]
    device: str
    path: Annotated[str, Field(pattern=r"^/")]
    ssh_user: Identifier = "root"


class Schedule(Frozen):
    """How often a backup is taken, from start to start."""

    every: Annotated[Seconds, Field(ge=60)]


class WalArchive(Frozen):
    """Continuous archiving of the database's WAL, which brings back any moment since the oldest base backup.

    Attributes:
        stanza: pgBackRest's name for the cluster.
        reader: the device that asks the repository and restores from it; not the database's, which may be lost.
        repository: what credentials.yml calls it: `DEVICE/NAME`.
        max_exposure: how much work may be not archived yet.
        max_check_age: how old a record of `backup wal` may be before nothing is known any more.
    """

    tool: Literal["pgbackrest"]
    stanza: Identifier
    reader: str
    repository: str
    max_exposure: Value[Seconds]
    max_check_age: Annotated[Seconds, Field(ge=60)] = 86400.0


class Invariant(Frozen):
    """What must hold in a restored database: one reading statement and the boolean or number it must give.

    The statement counts or compares; it never returns what is written in a row.
    """

    id: Identifier
    sql: Annotated[str, Field(pattern=r"(?i)^\s*(select|with)\s")]
    expect: StrictBool | StrictInt | StrictFloat


class Keep(Frozen):
    """Of the newest so many hours, days, weeks, months and years the newest set of each is kept."""

    hourly: Annotated[int, Field(ge=0)] = 0
    daily: Annotated[int, Field(ge=0)] = 0
    weekly: Annotated[int, Field(ge=0)] = 0
    monthly: Annotated[int, Field(ge=0)] = 0
    yearly: Annotated[int, Field(ge=0)] = 0


class Retention(Frozen):
    """What may be forgotten of the repository, by whom and where.

    Attributes:
        host: the device that alone may forget; it holds the repository itself.
        path: of the repository on that host.
        password: its own key of the repository, which no operations server holds.
        minimum_verified, keep_within: in place of the inventory's `continuity.backup_minimum_verified` and
            `backup_keep_within`.
    """

    host: str
    path: Annotated[str, Field(pattern=r"^/")]
    password: SecretRef
    minimum_verified: Value[int] | None = None
    keep_within: Value[Seconds] | None = None
    keep: Keep = Keep()


class BackupPolicy(Frozen):
    """What is backed up of one application, where to, and how old the newest copy may become.

    `copies`: further repositories that each complete set is copied to.
    """

    application: Identifier
    repository: RepositorySpec
    database: AnySource
    files: FilesSource | None = None
    max_age: Value[Seconds]
    minimum_size: Bytes = 1
    schedule: Schedule | None = None
    wal: WalArchive | None = None
    invariants: tuple[Invariant, ...] = ()
    retention: Retention | None = None
    copies: tuple[RepositorySpec, ...] = ()

    @property
    def postgresql(self) -> DatabaseSource:
        """Give the source as PostgreSQL. Raises DcopsError for another engine."""
        if isinstance(self.database, DatabaseSource):
            return self.database
        engine = ENGINES[self.database.kind][0]
        raise DcopsError(f"this needs PostgreSQL, the database is {engine}", where=self.application)


class NothingToBackUp(Frozen):
    """An application that keeps no data of its own, and why; what it is made of comes from the house's own files."""

    application: Identifier
    nothing_to_back_up: Value[str]


class StoredFile(Frozen):
    """One file of a content-addressed source: its SHA-256, which is its name, and its size."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: int


class DumpFacts(Frozen):
    """What was true inside the database snapshot that was dumped.

    Attributes:
        rows: table -> number of rows.
        newest: commit side time of the newest row by the policy's column; None for an empty table.
        referenced: SHA-256 of the files the rows name, sorted.
        system_identifier: of the server: of PostgreSQL from pg_control_system(), of MariaDB server_uid; else `unknown`.
        clock_offset_seconds: database clock minus ours.
    """

    database: str
    server_version: str
    system_identifier: str
    rows: dict[str, int]
    newest: datetime | None
    referenced: tuple[str, ...]
    clock_offset_seconds: float


class Snapshot(Frozen):
    """One restic snapshot as the repository lists it; `original`: the id it was copied under from another one."""

    id: str
    time: datetime
    tree: str
    hostname: str
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    original: str = ""

    def tag(self, name: str) -> str | None:
        """Give the value of tag `name=value`, or None."""
        prefix = f"{name}="
        return next((tag[len(prefix) :] for tag in self.tags if tag.startswith(prefix)), None)


class RepositoryLock(Frozen):
    """One lock as restic wrote it: who made it and when it was renewed last."""

    id: str
    time: datetime
    hostname: str
    username: str
    pid: int
    is_exclusive: bool


class Saved(Frozen):
    """What one `restic backup` stored: files and bytes read, bytes added; `tree` is empty until it is looked up."""

    snapshot: str
    tree: str = ""
    files: int
    size_bytes: int
    added_bytes: int
    seconds: float


class Manifest(Frozen):
    """What a complete set holds; stored last in the repository, so a set without one is not complete.

    Attributes:
        run: the run that made the set, ULID.
        snapshot_at: database time inside the dumped snapshot.
        dump_sha256, dump_bytes: of the stream that restic stored.
        files: every file of the file copy, sorted by SHA-256.
    """

    version: Literal[1] = 1
    application: str
    run: str
    environment: str
    site: str
    repository_id: str
    snapshot_at: datetime
    facts: DumpFacts
    dump_snapshot: str
    dump_name: str
    dump_sha256: str
    dump_bytes: int
    files_snapshot: str | None
    files: tuple[StoredFile, ...] = ()

    @property
    def files_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size_bytes for file in self.files)

    def canonical(self) -> bytes:
        """Give the text that is stored and hashed: sorted keys, no spaces, UTF-8."""
        document = self.model_dump(mode="json")
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def digest(self) -> str:
        """Give the SHA-256 of the canonical text."""
        return hashlib.sha256(self.canonical()).hexdigest()


class KnownReceipts(Frozen):
    """Receipts with the name of the journal each stands in, and why a journal that is here was not believed."""

    receipts: tuple[tuple[str, Receipt], ...] = ()
    problems: tuple[str, ...] = ()


class BackupSet(Frozen):
    """A complete backup of one application as found in the repository.

    `copied`: id that the manifest names -> id here, where the set was copied from the repository it was made in.
    """

    manifest: Manifest
    manifest_snapshot: str
    finished_at: datetime
    copied: dict[str, str] = Field(default_factory=dict)

    @property
    def dump_snapshot(self) -> str:
        """The dump's snapshot in this repository."""
        return self.copied.get(self.manifest.dump_snapshot, self.manifest.dump_snapshot)

    @property
    def files_snapshot(self) -> str | None:
        """The files' snapshot in this repository, None without files."""
        named = self.manifest.files_snapshot
        return None if named is None else self.copied.get(named, named)


class RestoredFacts(Frozen):
    """What is true inside a restored database; the fields mean what they mean in `DumpFacts`."""

    engine: str
    rows: dict[str, int]
    newest: datetime | None
    referenced: tuple[str, ...]


class CheckResult(Frozen):
    """What `restic check` found, and whether the data itself was read."""

    is_data_read: bool
    seconds: float
    snapshots: int

"""PostgreSQL for backups: one exported snapshot serves the counts and pg_dump, so both tell of the same moment."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from dcops.backup.model import DatabaseSource, DumpFacts, RestoredFacts
from dcops.backup.ports import ByteStream, DumpSession
from dcops.backup.wal import ARCHIVER_QUERY, ArchiverFacts, archiver_facts
from dcops.core.clock import utc_now
from dcops.core.errors import AuthenticationFailed, CommandError, DcopsError, Unreachable
from dcops.core.process import PIPE, Child, start
from dcops.core.secrets import Secret, mask

_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class _Session:
    """An open snapshot: its facts, its time and how to dump it."""

    facts: DumpFacts
    snapshot_at: datetime
    snapshot: str
    owner: "Postgresql"

    def dump(self) -> AbstractContextManager[ByteStream]:
        """Start pg_dump on this very snapshot and stream it, custom format, uncompressed.

        restic compresses and deduplicates; a compressed dump would defeat the second.
        """
        return self.owner.stream_dump(self.snapshot)


class _DumpStream:
    """What pg_dump writes."""

    def __init__(self, child: Child, errors: IO[bytes], password: str) -> None:
        self._child = child
        self._errors = errors
        self._password = password

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; empty at the end."""
        return self._child.stdout.read(size)

    def finish(self) -> None:
        """Raise CommandError when pg_dump did not end well."""
        status = self._child.wait(60)
        if status != 0:
            self._errors.seek(0)
            tail = mask(self._errors.read()[-4000:].decode(errors="replace"), [self._password])
            raise CommandError(self._child.argv, status, tail, hint="No snapshot was saved.")


class Postgresql:
    """The database of one policy, at an address."""

    def __init__(self, source: DatabaseSource, host: str, password: Secret, ca: Path | None = None) -> None:
        self._source = source
        self._ca = ca
        self._host = host
        self._password = password

    @property
    def where(self) -> str:
        """The database for messages."""
        return f"{self._source.device} ({self._host}:{self._source.port}/{self._source.database})"

    @contextmanager
    def session(self) -> Iterator[DumpSession]:
        """Open a snapshot and hold it until the dump is done. Raises Unreachable, AuthenticationFailed."""
        try:
            with self._connect() as connection:
                identifier = _system_identifier(connection)
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                # The first statement takes the snapshot, so its time is read together with it.
                row = connection.execute("SELECT pg_export_snapshot(), clock_timestamp()").fetchone()
                assert row is not None
                snapshot, taken = str(row[0]), row[1]
                facts = self._facts(connection, identifier, (taken - utc_now()).total_seconds())
                yield _Session(facts, taken, snapshot, self)
                connection.rollback()
        except psycopg.Error as error:  # at the end too: a server that died meanwhile still leaves a receipt
            raise self._translated(error) from error

    def archiver(self) -> ArchiverFacts:
        """Ask the server how its WAL archiver fares; any account may. Raises Unreachable, AuthenticationFailed."""
        try:
            with self._connect() as connection:
                row = connection.execute(ARCHIVER_QUERY).fetchone()
        except psycopg.Error as error:
            raise self._translated(error) from error
        assert row is not None
        return archiver_facts(row)

    @contextmanager
    def stream_dump(self, snapshot: str) -> Iterator[ByteStream]:
        """Run pg_dump on an exported snapshot and give its output as it comes."""
        source = self._source
        argv = [
            "pg_dump",
            "--format=custom",
            "--compress=0",
            "--no-password",
            f"--snapshot={snapshot}",
            f"--host={self._host}",
            f"--port={source.port}",
            f"--username={source.user}",
            f"--dbname={source.database}",
        ]
        env = {"PGPASSWORD": self._password.reveal(), "PGCONNECT_TIMEOUT": "10", **self._tls()}
        with tempfile.TemporaryFile() as errors, start(argv, env=env, stdout=PIPE, stderr=errors) as child:
            yield _DumpStream(child, errors, self._password.reveal())

    def _tls(self) -> dict[str, str]:
        """Give libpq's environment for TLS: verified against the CA when the policy names one."""
        return {"PGSSLMODE": "verify-ca", "PGSSLROOTCERT": str(self._ca)} if self._ca else {}

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        source = self._source
        try:
            return psycopg.connect(
                host=self._host,
                port=source.port,
                dbname=source.database,
                user=source.user,
                password=self._password.reveal(),
                connect_timeout=5,
                application_name="dcops backup",
                sslmode="verify-ca" if self._ca else "prefer",
                sslrootcert=str(self._ca) if self._ca else None,
            )
        except psycopg.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: psycopg.Error) -> DcopsError:
        """Give our error for psycopg's, without a password in it."""
        text = mask(" ".join(str(error).split()), [self._password.reveal()])
        if "password authentication failed" in text or "no pg_hba.conf entry" in text:
            return AuthenticationFailed(f"PostgreSQL refuses the account {self._source.user}", where=self.where)
        if "does not exist" in text:
            return DcopsError(text, where=self.where)
        if isinstance(error, psycopg.OperationalError):
            hint = f"Start PostgreSQL on {self._source.device}, then run the backup again. Nothing was stored."
            return Unreachable(f"PostgreSQL does not answer: {text[-200:]}", where=self.where, hint=hint)
        return DcopsError(text, where=self.where)

    def _facts(self, connection: "psycopg.Connection[tuple[Any, ...]]", identifier: str, offset: float) -> DumpFacts:
        """Count and look inside the snapshot."""
        found = facts_of(connection, self._source)
        return DumpFacts(
            database=self._source.database,
            server_version=found.engine,
            system_identifier=identifier,
            rows=found.rows,
            newest=found.newest,
            referenced=found.referenced,
            clock_offset_seconds=offset,
        )


def facts_of(connection: "psycopg.Connection[tuple[Any, ...]]", source: DatabaseSource) -> RestoredFacts:
    """Count the rows of each table and look for the newest row and the files that rows name; raises psycopg.Error.

    A backup asks this inside the snapshot it dumps and a verification after the load, so the answers can be compared.
    """
    rows: dict[str, int] = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        name = str(table) if schema == "public" else f"{schema}.{table}"
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(schema), str(table)))
        rows[name] = int(str(_one(connection, query)))
    newest = None
    if source.newest:
        query = sql.SQL("SELECT max({}) FROM {}").format(
            sql.Identifier(source.newest.column), sql.Identifier(source.newest.table)
        )
        newest = _one(connection, query)
    referenced: tuple[str, ...] = ()
    if source.references:
        query = sql.SQL("SELECT DISTINCT {0} FROM {1} ORDER BY 1").format(
            sql.Identifier(source.references.column), sql.Identifier(source.references.table)
        )
        # Sorted here: the order of text follows the collation, which another cluster may not share.
        referenced = tuple(sorted(str(row[0]) for row in connection.execute(query).fetchall()))
    return RestoredFacts(
        engine=str(_one(connection, sql.SQL("SHOW server_version"))),
        rows=rows,
        newest=newest if isinstance(newest, datetime) else None,
        referenced=referenced,
    )


def _one(connection: "psycopg.Connection[tuple[Any, ...]]", query: sql.SQL | sql.Composed) -> object:
    """Give the first value of the first row."""
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _system_identifier(connection: "psycopg.Connection[tuple[Any, ...]]") -> str:
    """Give the cluster's identifier; `unknown` when the account may not read it. In a transaction of its own."""
    try:
        row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        connection.rollback()
    except psycopg.errors.InsufficientPrivilege:
        connection.rollback()
        return "unknown"
    return str(row[0]) if row else "unknown"

"""PostgreSQL servers as drills use them: databases made, looked at and dropped, by the account that owns them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dcops.core.errors import AuthenticationFailed, DcopsError, Refused, Unreachable
from dcops.core.secrets import Secret, mask

_MAINTENANCE = "postgres"


@dataclass(frozen=True)
class ServerAccess:
    """How a device's PostgreSQL is reached; with `ca` only over verified TLS."""

    host: str
    port: int
    user: str
    password: Secret
    ca: Path | None = None

    def parameters(self, database: str) -> dict[str, Any]:
        """Give libpq's connection parameters."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": database,
            "user": self.user,
            "password": self.password.reveal(),
            "connect_timeout": 5,
            "application_name": "dcops drill",
            "sslmode": "verify-ca" if self.ca else "prefer",
            "sslrootcert": str(self.ca) if self.ca else None,
        }

    def environment(self) -> dict[str, str]:
        """Give libpq's environment for its own programs; the password is in no argv."""
        tls = {"PGSSLMODE": "verify-ca", "PGSSLROOTCERT": str(self.ca)} if self.ca else {}
        return {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user,
                "PGPASSWORD": self.password.reveal(), "PGCONNECT_TIMEOUT": "5", **tls}  # fmt: skip


class PostgresqlServers:
    """The database servers of one application, by device name."""

    def __init__(self, access: Callable[[str], ServerAccess]) -> None:
        self._access = access

    def names(self, device: str) -> tuple[str, ...]:
        """Give the databases beside the templates and `postgres`, sorted. Raises Unreachable."""
        statement = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> %s ORDER BY 1"
        rows = self.query(device, _MAINTENANCE, statement, (_MAINTENANCE,))
        return tuple(str(row[0]) for row in rows)

    def create(self, device: str, database: str, comment: str) -> None:
        """Make an empty database with a comment; refuse one that is there."""
        name = sql.Identifier(database)
        try:
            self._execute(device, sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(name))
        except _Duplicate as error:
            raise Refused(f'the database "{database}" is there already', where=device) from error
        self._execute(device, sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(comment)))

    def comment(self, device: str, database: str) -> str | None:
        """Give a database's comment; None without one or without the database."""
        statement = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        rows = self.query(device, _MAINTENANCE, statement, (database,))
        return str(rows[0][0]) if rows and rows[0][0] is not None else None

    def rename(self, device: str, database: str, name: str) -> None:
        """Rename a database nobody is connected to."""
        statement = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(database), sql.Identifier(name))
        self._execute(device, statement)

    def drop(self, device: str, database: str) -> None:
        """Drop a database, ending its sessions. Harmless when it is not there.

        Not WITH (FORCE): that wants to end autovacuum's workers itself, which only a superuser may (PostgreSQL 17). A
        plain DROP tells them to go and waits for them; sessions of the owner are ended before it.
        """
        ending = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user AND pid <> pg_backend_pid()"
        )
        self.query(device, _MAINTENANCE, ending, (database,))
        self._execute(device, sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(database)))

    def query(self, device: str, database: str, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one reading statement in a read-only transaction and give its rows."""
        with self._connection(device, database) as connection:
            connection.read_only = True
            # Statements come from entry points, never from a file people write; values are always passed apart.
            return connection.execute(statement, tuple(values)).fetchall()

    def export_rows(self, device: str, database: str, table: str, where: str) -> tuple[tuple[str, ...], bytes]:
        """Give columns and rows (COPY text) of a table that match the condition, a constant of our own."""
        statement = (
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position"
        )
        columns = tuple(str(row[0]) for row in self.query(device, database, statement, (table,)))
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        copy = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT").format(
            names, sql.Identifier(table), sql.SQL(where)
        )
        with self._connection(device, database) as connection, connection.cursor().copy(copy) as stream:
            return columns, b"".join(bytes(chunk) for chunk in stream)

    def _execute(self, device: str, statement: sql.Composed) -> None:
        with self._connection(device, _MAINTENANCE) as connection:
            connection.autocommit = True
            connection.execute(statement)

    @contextmanager
    def _connection(self, device: str, database: str) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        access = self._access(device)
        try:
            with psycopg.connect(**access.parameters(database)) as connection:
                yield connection
        except psycopg.Error as error:
            raise _translated(error, access, f"{device} ({access.host}:{access.port}/{database})") from error


class _Duplicate(DcopsError):
    """The database is there already."""


def _translated(error: psycopg.Error, access: ServerAccess, where: str) -> DcopsError:
    """Give our error for psycopg's, without a password in it."""
    text = mask(" ".join(str(error).split()), [access.password.reveal()])
    if isinstance(error, psycopg.errors.DuplicateDatabase):
        return _Duplicate(text, where=where)
    if "password authentication failed" in text or "no pg_hba.conf entry" in text:
        return AuthenticationFailed(f"PostgreSQL refuses the account {access.user}: {text[-160:]}", where=where)
    if isinstance(error, psycopg.OperationalError) and "does not exist" not in text:
        return Unreachable(f"PostgreSQL does not answer: {text[-200:]}", where=where)
    return DcopsError(text[-300:], where=where)

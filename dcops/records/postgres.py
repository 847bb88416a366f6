"""The journals in PostgreSQL: one transaction advisory lock per journal, READ COMMITTED, commits waited for.

The lock is taken in a statement of its own, so the head is read from a snapshot that is younger than the lock.
Passwords come from libpq's own places (PGPASSFILE, a service file), never in the URL: URLs are shown in messages.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from dcops.core.errors import UsageError
from dcops.records.sql import SqlStore, migrate

CONNECT_SECONDS = 5
LOCK_SECONDS = 30
_MIGRATION_LOCK = 0x64636F7073  # "dcops": any fixed number that nothing else in this database uses


class PostgresStore(SqlStore):
    """The store at a libpq URL such as postgresql:///dcops?host=/run/postgresql."""

    driver_error = psycopg.Error

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url).set(drivername="postgresql+psycopg")
        except ArgumentError:
            raise UsageError("the records URL cannot be read", hint="postgresql://host/database") from None
        if parsed.password:
            raise UsageError("the records URL holds a password", hint="Put it in a file named by PGPASSFILE.")
        super().__init__(lambda: _open(parsed), parsed.render_as_string())

    @contextmanager
    def writing(self, journal: str) -> Iterator[Connection]:
        """Open a transaction and take the journal's advisory lock; it ends with the transaction."""
        with self.engine.begin() as connection:
            lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:journal, 0))")
            connection.execute(lock, {"journal": f"dcops.records.{journal}"})
            yield connection


def _open(url: Any) -> Engine:
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "dcops"},
    )
    event.listen(engine, "connect", _on_connect)
    migrate(engine, _lock_migration)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO on")
        cursor.execute(f"SET lock_timeout TO '{LOCK_SECONDS}s'")
    connection.commit()


def _lock_migration(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})

"""A restored SQLite file, opened for one verification: read-only, in memory, and trusted with nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dcops.backup.model import AnySource, RestoredFacts, SqliteSource
from dcops.backup.ports import ThrowawayDatabase
from dcops.backup.sqlite_ssh import facts_of, quoted, select
from dcops.core.errors import DcopsError, IntegrityFailure


class _Loaded:
    """The file, looked at."""

    def __init__(self, connection: sqlite3.Connection, source: SqliteSource) -> None:
        self._connection, self._source = connection, source

    def facts(self) -> RestoredFacts:
        """Count and look as the backup did in its copy."""
        try:
            return facts_of(self._connection, self._source)
        except sqlite3.Error as error:
            raise IntegrityFailure(f"the restored database cannot be counted: {type(error).__name__}") from None

    def links(self) -> frozenset[tuple[str, str]]:
        """Give (owner, SHA-256) of each row of the policy's `references`; empty where it names no owner."""
        named = self._source.references
        if named is None or named.owner is None:
            return frozenset()
        try:
            statement = select(f"{quoted(named.owner)}, {quoted(named.column)}", named.table)
            rows = self._connection.execute(statement).fetchall()
        except sqlite3.Error as error:
            raise IntegrityFailure(f"the restored rows cannot be read: {type(error).__name__}") from None
        return frozenset((str(owner), str(digest)) for owner, digest in rows)

    def value(self, statement: str) -> object:
        """Give the first value of the first row, None without one; SQLite has no booleans, so a truth is 0 or 1."""
        try:
            row = self._connection.execute(statement).fetchone()
        except sqlite3.Error as error:
            raise DcopsError(type(error).__name__) from None  # its text may quote a row
        return row[0] if row else None


class ThrowawaySqlite:
    """Opens the file; there is no server to make."""

    @contextmanager
    def load(self, dump: Path, source: AnySource) -> Iterator[ThrowawayDatabase]:
        """Load the file into memory; what is on the disk is never written."""
        assert isinstance(source, SqliteSource)
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                connection.deserialize(dump.read_bytes())
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA query_only = ON")
            except sqlite3.Error as error:
                raise IntegrityFailure(f"the dump cannot be loaded: {type(error).__name__}") from None
            yield _Loaded(connection, source)

"""What both stores share: reading rows, appending under a lock, translating the driver's errors."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, insert, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dcops.core.clock import rfc3339
from dcops.records.model import Head, Query, Record, Stored
from dcops.records.ports import Make, StoreDamaged, StoreUnavailable
from dcops.records.tables import SCHEMA_REVISION, records

_BATCH = 500
_RUN_LENGTH = 26
_COLUMNS = ("kind", "version", "at", "environment", "run", "actor", "change")


class SqlStore:
    """A store on an SQLAlchemy engine. `writing` opens a transaction that excludes other writers of the journal.

    `open_engine` is called at the first use, not before: a store that cannot be opened must not stop the act.
    """

    driver_error: type[Exception] = SQLAlchemyError
    """What the driver raises by itself; each store names its own."""

    def __init__(self, open_engine: Callable[[], Engine], where: str) -> None:
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self.where = where

    @property
    def engine(self) -> Engine:
        """The engine, opened and migrated at the first use; raise StoreUnavailable when that fails."""
        if self._engine is None:
            with self._translated():
                self._engine = self._open_engine()
        return self._engine

    @contextmanager
    def writing(self, journal: str) -> Iterator[Connection]:
        """Open the writing transaction."""
        raise NotImplementedError

    def append(self, journal: str, make: Make) -> tuple[Record, ...]:
        """Append what `make` seals after the present head."""
        with self._translated(), self.writing(journal) as connection:
            new = make(_head(connection, journal))
            connection.execute(insert(records), [_row(record) for record in new])
        return tuple(new)

    def journals(self) -> tuple[str, ...]:
        """Return the names of all journals, sorted."""
        return tuple(row.journal for row in self._rows(select(records.c.journal).distinct().order_by("journal")))

    def rows(self, journal: str) -> Iterator[Stored]:
        """Yield one journal's rows in order of seq."""
        query = select(records).where(records.c.journal == journal).order_by(records.c.seq)
        return (_stored(row) for row in self._rows(query))

    def find(self, query: Query) -> Iterator[Stored]:
        """Yield the rows that match."""
        return (_stored(row) for row in self._rows(_select(query)))

    def get(self, journal: str, seq: int) -> Stored | None:
        """Return one row."""
        query = select(records).where(records.c.journal == journal, records.c.seq == seq)
        return next((_stored(row) for row in self._rows(query)), None)

    def head(self, journal: str) -> Head | None:
        """Return the end of a journal."""
        with self._translated(), self.engine.connect() as connection:
            return _head(connection, journal)

    def check(self) -> tuple[str, ...]:
        """Return what is wrong with the store's own structure."""
        return ()

    def is_damage(self, error: BaseException) -> bool:  # noqa: ARG002 - for the stores to say
        """Say whether the driver's error means damaged data rather than a store that is away."""
        return False

    def close(self) -> None:
        """Close all connections; a later call opens them again."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def query_text(self, statement: str) -> Sequence[Row[Any]]:
        """Return all rows of a statement in the store's own dialect."""
        with self._translated(), self.engine.connect() as connection:
            return connection.exec_driver_sql(statement).all()

    def _rows(self, query: Select[Any]) -> Iterator[Row[Any]]:
        with self._translated(), self.engine.connect() as connection:
            yield from connection.execution_options(yield_per=_BATCH).execute(query)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._away(error.orig or error) from error
        except self.driver_error as error:  # from a bare connection or an event, where SQLAlchemy wraps nothing
            raise self._away(error) from error
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the journal cannot be used: {type(error).__name__}", where=self.where) from error
        except OSError as error:
            raise StoreUnavailable(f"the journal cannot be used: {error.strerror}", where=self.where) from error

    def _away(self, error: BaseException) -> StoreUnavailable:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        kind = StoreDamaged if self.is_damage(error) else StoreUnavailable
        return kind(f"the journal cannot be used: {lines[0]}", where=self.where)


def migrate(engine: Engine, lock: Callable[[Connection], None]) -> None:
    """Bring the store's tables to SCHEMA_REVISION, one process at a time; harmless when they are there.

    Raises StoreUnavailable for a store that a newer dcops has migrated further.
    """
    if _revision(engine) == SCHEMA_REVISION:
        return
    from alembic import command  # loaded only when there is something to do
    from alembic.config import Config
    from alembic.util.exc import CommandError

    with engine.connect() as connection, connection.begin():
        lock(connection)
        config = Config()
        config.set_main_option("script_location", "dcops.records:migrations")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreUnavailable(f"its tables are of an unknown revision: {error}", hint="Update dcops.") from error


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not engine.dialect.has_table(connection, "alembic_version"):
            return None
        found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return found


def _head(connection: Connection, journal: str) -> Head | None:
    columns = (records.c.seq, records.c.hash, records.c.at, records.c.key_id)
    query = select(*columns).where(records.c.journal == journal).order_by(records.c.seq.desc()).limit(1)
    row = connection.execute(query).first()
    return Head(journal, row.seq, row.hash, row.at, row.key_id) if row else None


def _row(record: Record) -> dict[str, Any]:
    envelope = record.envelope
    return {
        "journal": envelope.journal,
        "seq": envelope.seq,
        "hash": record.hash,
        "kind": envelope.kind,
        "version": envelope.version,
        "at": envelope.at,
        "environment": envelope.environment.value,
        "run": envelope.run,
        "actor": envelope.actor,
        "change": envelope.change,
        "text": record.text,
        "signature": record.signature,
        "key_id": record.key_id,
    }


def _stored(row: Row[Any]) -> Stored:
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return Stored(row.journal, row.seq, row.text, row.hash, row.signature, row.key_id, columns)


def _select(query: Query) -> Select[Any]:
    statement = select(records)
    for condition in _conditions(query):
        statement = statement.where(condition)
    order: Sequence[Any] = (records.c.at, records.c.journal, records.c.seq)
    if query.is_newest_first:
        order = [column.desc() for column in order]
    statement = statement.order_by(*order)
    return statement.limit(query.limit) if query.limit is not None else statement


def _conditions(query: Query) -> Iterator[Any]:
    if query.kind is not None and query.kind.endswith("*"):
        yield records.c.kind.startswith(query.kind[:-1], autoescape=True)
    elif query.kind is not None:
        yield records.c.kind == query.kind
    if query.run is not None:
        yield records.c.run == query.run if len(query.run) == _RUN_LENGTH else _ends_with(query.run)
    if query.journal is not None:
        yield records.c.journal == query.journal
    if query.after is not None:
        yield records.c.at > rfc3339(query.after)
    if query.until is not None:
        yield records.c.at <= rfc3339(query.until)


def _ends_with(run: str) -> Any:
    return records.c.run.endswith(run.upper(), autoescape=True)

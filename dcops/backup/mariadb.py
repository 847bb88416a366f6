"""MariaDB for backups: the counts and mariadb-dump see one moment, because writers wait while both begin.

MariaDB cannot hand one session's snapshot to another. So the tables are locked for reading, which waits for open
changes and holds new ones up; a session of ours and mariadb-dump each begin a consistent snapshot; as soon as the dump
has reached the first table the lock is given back. Writers wait for parts of a second, whatever the size.
"""

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pymysql

from dcops.backup.model import DumpFacts, MariadbSource, RestoredFacts
from dcops.backup.ports import ByteStream, DumpSession
from dcops.core.clock import utc_now
from dcops.core.errors import AuthenticationFailed, CommandError, DcopsError, Unreachable
from dcops.core.process import PIPE, Child, start
from dcops.core.secrets import Secret, mask

_TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY 1
"""
_HELD_SECONDS = 60  # writers wait no longer than this
_LOCK_SECONDS = 10
_BEGUN, _COMPLETE = b"\n-- Table structure for table ", b"\n-- Dump completed"
_HEAD_BYTES = 1 << 20
_REFUSED = (1044, 1045, 1130, 1698)  # ER_DBACCESS_DENIED, ER_ACCESS_DENIED, ER_HOST_NOT_PRIVILEGED, and its successor


@dataclass(frozen=True)
class _Session:
    """An open snapshot: its facts, its time, and the dump that began in it."""

    facts: DumpFacts
    snapshot_at: datetime
    stream: "_DumpStream"

    def dump(self) -> AbstractContextManager[ByteStream]:
        """Stream the dump, plain SQL: restic compresses and deduplicates."""
        return nullcontext(self.stream)


class _DumpStream:
    """What mariadb-dump writes; its last line is part of the promise, since a cut dump is valid SQL too."""

    def __init__(self, child: Child, errors: IO[bytes], password: str) -> None:
        self._child, self._errors, self._password = child, errors, password
        self._head, self._tail = io.BytesIO(), b""

    def await_snapshot(self) -> None:
        """Read until the first table, so the dump's snapshot is taken; what was read is given again by `read`."""
        head = b""
        while _BEGUN not in head and len(head) < _HEAD_BYTES and (chunk := os.read(self._child.stdout.fileno(), 65536)):
            head += chunk
        self._head = io.BytesIO(head)

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; empty at the end."""
        chunk = self._head.read(size) or self._child.stdout.read(size)
        self._tail = (self._tail + chunk)[-256:]
        return chunk

    def finish(self) -> None:
        """Raise CommandError when mariadb-dump did not end well."""
        status = self._child.wait(60)
        if status != 0:
            self._errors.seek(0)
            tail = mask(self._errors.read()[-4000:].decode(errors="replace"), [self._password])
            raise CommandError(self._child.argv, status, tail, hint="No snapshot was saved.")
        if _COMPLETE not in self._tail:
            raise CommandError(self._child.argv, status, "the dump lacks its last line", hint="No snapshot was saved.")


class Mariadb:
    """The database of one policy, at an address."""

    def __init__(self, source: MariadbSource, host: str, password: Secret, ca: Path | None = None) -> None:
        self._source, self._host, self._password, self._ca = source, host, password, ca

    @property
    def where(self) -> str:
        """The database for messages."""
        return f"{self._source.device} ({self._host}:{self._source.port}/{self._source.database})"

    @contextmanager
    def session(self) -> Iterator[DumpSession]:
        """Begin a snapshot and the dump of it. Raises Unreachable, AuthenticationFailed."""
        try:
            with (
                self._connection() as look,
                tempfile.TemporaryFile() as errors,
                self._locked() as unlock,
                self._dump(errors) as child,
            ):
                execute(look, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                taken = execute(look, "SELECT utc_timestamp(6)")[0][0].replace(tzinfo=UTC)
                offset = (taken - utc_now()).total_seconds()
                stream = _DumpStream(child, errors, self._password.reveal())
                stream.await_snapshot()
                unlock()
                yield _Session(self._facts(look, offset), taken, stream)
        except pymysql.MySQLError as error:
            raise self._translated(error) from error

    @contextmanager
    def _locked(self) -> Iterator[Callable[[], object]]:
        """Hold writers of the database up until what this gives is called, at the latest until the block ends."""
        with self._connection() as lock:
            # The server itself gives the lock back when this side hangs or its link is cut.
            execute(lock, f"SET lock_wait_timeout = {_LOCK_SECONDS}, wait_timeout = {_HELD_SECONDS}")
            tables = [str(row[0]) for row in execute(lock, _TABLES)]
            if tables:
                execute(lock, "LOCK TABLES " + ", ".join(f"{quoted(table)} READ" for table in tables))
            yield lambda: execute(lock, "UNLOCK TABLES")

    @contextmanager
    def _dump(self, errors: IO[bytes]) -> Iterator[Child]:
        """Start mariadb-dump; account and password come to it over standard input, in no argv or environment."""
        argv = ["mariadb-dump", "--defaults-file=/dev/stdin", "--single-transaction", "--quick", "--hex-blob",
                "--triggers", "--no-tablespaces", "--default-character-set=utf8mb4",
                self._source.database]  # fmt: skip
        with start(argv, stdin=PIPE, stdout=PIPE, stderr=errors) as child:
            child.stdin.write(self._options().encode())
            child.stdin.close()
            yield child

    def _options(self) -> str:
        """Give the options file of the client programs."""
        source = self._source
        tls = [f'ssl-ca="{self._ca}"', "ssl-verify-server-cert"] if self._ca else []
        password = self._password.reveal().replace("\\", "\\\\").replace('"', '\\"')
        lines = [f"host={self._host}", f"port={source.port}", "protocol=tcp", f"user={source.user}"]
        return "\n".join(["[client]", *lines, f'password="{password}"', *tls, ""])

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        source = self._source
        try:
            connection = pymysql.connect(
                host=self._host,
                port=source.port,
                user=source.user,
                password=self._password.reveal(),
                database=source.database,
                charset="utf8mb4",
                connect_timeout=5,
                autocommit=True,
                init_command="SET time_zone = '+00:00'",
                ssl={"ca": str(self._ca), "check_hostname": True} if self._ca else None,
            )
        except pymysql.MySQLError as error:
            raise self._translated(error) from error
        try:
            yield connection
        finally:
            connection.close()

    def _translated(self, error: pymysql.MySQLError) -> DcopsError:
        """Give our error for the driver's, without a password in it."""
        code = error.args[0] if error.args else 0
        text = mask(" ".join(str(error.args[-1] if error.args else error).split()), [self._password.reveal()])
        if code in _REFUSED:
            return AuthenticationFailed(f"MariaDB refuses the account {self._source.user}", where=self.where)
        if code == 1205:  # ER_LOCK_WAIT_TIMEOUT
            hint = "A transaction has been open for long: end it, then run the backup again. Nothing was stored."
            return DcopsError(f"the tables could not be locked within {_LOCK_SECONDS} s", where=self.where, hint=hint)
        if isinstance(error, pymysql.OperationalError | pymysql.InterfaceError):
            hint = f"Start MariaDB on {self._source.device}, then run the backup again. Nothing was stored."
            return Unreachable(f"MariaDB does not answer: {text[-200:]}", where=self.where, hint=hint)
        return DcopsError(text[-300:], where=self.where)

    def _facts(self, connection: Any, offset: float) -> DumpFacts:
        """Count and look inside the snapshot."""
        found = facts_of(connection, self._source)
        return DumpFacts(
            database=self._source.database,
            server_version=found.engine,
            system_identifier=_identifier(connection),
            rows=found.rows,
            newest=found.newest,
            referenced=found.referenced,
            clock_offset_seconds=offset,
        )


def facts_of(connection: Any, source: MariadbSource) -> RestoredFacts:
    """Count the rows of each table and look for the newest row and the files rows name; raises pymysql.MySQLError.

    A backup asks this inside the snapshot it dumps and a verification after the load, so the answers can be compared.
    """
    rows = {
        str(table): int(execute(connection, select("count(*)", str(table)))[0][0])
        for (table,) in execute(connection, _TABLES)
    }
    newest, named = None, source.newest
    if named:
        newest = execute(connection, select(f"max({quoted(named.column)})", named.table))[0][0]
    referenced: tuple[str, ...] = ()
    if files := source.references:
        found = execute(connection, select(f"DISTINCT {quoted(files.column)}", files.table))
        referenced = tuple(sorted(str(row[0]) for row in found))
    return RestoredFacts(
        engine=str(execute(connection, "SELECT version()")[0][0]),
        rows=rows,
        newest=newest.replace(tzinfo=UTC) if isinstance(newest, datetime) else None,
        referenced=referenced,
    )


def execute(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement and give its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def select(what: str, table: str) -> str:
    """Give a statement that reads `what`, of quoted names, from a table."""
    return " ".join(("SELECT", what, "FROM", quoted(table)))


def quoted(name: str) -> str:
    """Quote an identifier."""
    return "`" + name.replace("`", "``") + "`"


def _identifier(connection: Any) -> str:
    """Give the server's own id; `unknown` where this version has none or the account may not read it."""
    try:
        return str(execute(connection, "SELECT @@global.server_uid")[0][0])
    except pymysql.MySQLError:
        return "unknown"

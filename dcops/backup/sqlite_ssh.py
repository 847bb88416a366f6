"""A small SQLite file on another host: SQLite's own backup makes a copy there in memory, which comes over whole.

The copy is one moment of the file whatever is written meanwhile, and counts and bytes are of that same copy.
"""

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from dcops.backup.model import DumpFacts, RestoredFacts, SqliteSource
from dcops.backup.ports import ByteStream, DumpSession
from dcops.backup.ssh import SshTarget
from dcops.core.clock import parse_rfc3339, utc_now
from dcops.core.errors import DcopsError, IntegrityFailure

LARGEST_BYTES = 256 << 20
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
# Runs on the other host, whose Python is all it needs. First line: what it is a copy of; then its bytes.
_PROGRAM = """
import json, os, sqlite3, sys, time
path, largest = sys.argv[1], int(sys.argv[2])
if os.stat(path).st_size > largest:
    sys.exit("the file is larger than this way of copying allows")
source = sqlite3.connect("file:" + path + "?mode=ro", uri=True, timeout=10)
copy = sqlite3.connect(":memory:")
taken = time.time()
source.backup(copy)
data = copy.serialize()
sys.stdout.buffer.write(json.dumps({"taken": taken, "bytes": len(data)}).encode() + b"\\n" + data)
"""


@dataclass(frozen=True)
class _Session:
    """A copy that was taken: its facts, its time, its bytes."""

    facts: DumpFacts
    snapshot_at: datetime
    content: bytes

    def dump(self) -> AbstractContextManager[ByteStream]:
        """Stream the copy, a SQLite file."""
        return nullcontext(_Bytes(self.content))


class _Bytes:
    """Bytes that came whole, so nothing can fail any more."""

    def __init__(self, content: bytes) -> None:
        self._stream = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes."""
        return self._stream.read(size)

    def finish(self) -> None:
        """Nothing can have failed."""


class SqliteOverSsh:
    """The SQLite file of one policy, at a host."""

    def __init__(self, source: SqliteSource, target: SshTarget) -> None:
        self._source, self._target = source, target

    @property
    def where(self) -> str:
        """The file for messages."""
        return f"{self._source.device}:{self._source.path}"

    @contextmanager
    def session(self) -> Iterator[DumpSession]:
        """Take a copy. Raises Unreachable, AuthenticationFailed, DcopsError (too big, no database)."""
        argv = ["python3", "-c", _PROGRAM, self._source.path, str(LARGEST_BYTES)]
        began = utc_now()
        done = self._target.run(argv, timeout_seconds=120, check=False)
        if done.returncode != 0:
            said = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1][-200:]
            raise DcopsError(f"the SQLite file cannot be copied: {said}", where=self.where)
        now = utc_now()
        line, _, content = done.stdout.partition(b"\n")
        told = json.loads(line)
        if len(content) != told["bytes"]:
            raise DcopsError("the copy did not come whole", where=self.where, hint="Nothing was stored. Run it again.")
        taken = datetime.fromtimestamp(told["taken"], UTC)
        # The copy was taken between both looks at our clock; only a time outside shows that the other one is off.
        offset = (taken - min(max(taken, began), now)).total_seconds()
        connection = sqlite3.connect(":memory:")
        try:
            connection.deserialize(content)
            found = facts_of(connection, self._source)
        except sqlite3.Error as error:
            raise IntegrityFailure(f"the copy is no whole database: {error}", where=self.where) from error
        finally:
            connection.close()
        facts = DumpFacts(
            database=self._source.database,
            server_version=found.engine,
            system_identifier="unknown",
            rows=found.rows,
            newest=found.newest,
            referenced=found.referenced,
            clock_offset_seconds=offset,
        )
        yield _Session(facts, taken, content)


def facts_of(connection: sqlite3.Connection, source: SqliteSource) -> RestoredFacts:
    """Check the file's structure, count rows, look for the newest row and named files; raises sqlite3.Error."""
    state = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if state != "ok":
        raise sqlite3.DatabaseError("its own check finds it damaged")
    rows = {
        str(table): int(connection.execute(select("count(*)", str(table))).fetchone()[0])
        for (table,) in connection.execute(_TABLES).fetchall()
    }
    newest, named = None, source.newest
    if named:
        newest = connection.execute(select(f"max({quoted(named.column)})", named.table)).fetchone()[0]
    referenced: tuple[str, ...] = ()
    if files := source.references:
        named_files = connection.execute(select(f"DISTINCT {quoted(files.column)}", files.table)).fetchall()
        referenced = tuple(sorted(str(row[0]) for row in named_files))
    return RestoredFacts(
        engine=sqlite3.sqlite_version,
        rows=rows,
        newest=parse_rfc3339(newest) if isinstance(newest, str) else None,
        referenced=referenced,
    )


def select(what: str, table: str) -> str:
    """Give a statement that reads `what`, of quoted names, from a table."""
    return " ".join(("SELECT", what, "FROM", quoted(table)))


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'

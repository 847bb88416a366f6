"""A PostgreSQL cluster that lives for one verification: socket in a 0700 folder, no TCP, no privileged account.

Root may not run PostgreSQL, so it then runs as `postgres`. The dump is loaded by a role that is no superuser: a dump is
data from elsewhere, and what it defines must not reach the operating system.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dcops.backup.model import AnySource, DatabaseSource, RestoredFacts
from dcops.backup.ports import ThrowawayDatabase
from dcops.backup.postgresql import facts_of
from dcops.backup.scratch import make_private
from dcops.core.clock import monotonic, sleep
from dcops.core.errors import CommandError, DcopsError, IntegrityFailure
from dcops.core.process import Child, run, start

DEBIAN = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"
_ADMIN, _LOADER, _DATABASE = "dcops", "loader", "restored"
_START_SECONDS = 60.0
_SOCKET_PATH_BYTES = 107  # sun_path of Linux, less its final zero
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "10",
    "statement_timeout": "30min",
}


class _Loaded:
    """The loaded dump, looked at in read-only transactions."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", source: DatabaseSource) -> None:
        self._connection, self._source = connection, source

    def facts(self) -> RestoredFacts:
        """Count and look as the backup did inside its snapshot."""
        try:
            found = facts_of(self._connection, self._source)
            self._connection.rollback()
        except psycopg.Error as error:
            raise IntegrityFailure(f"the restored database cannot be counted: {_name(error)}") from error
        return found

    def links(self) -> frozenset[tuple[str, str]]:
        """Give (owner, SHA-256) of each row of the policy's `references`; empty where it names no owner."""
        named = self._source.references
        if named is None or named.owner is None:
            return frozenset()
        columns = (sql.Identifier(named.owner), sql.Identifier(named.column), sql.Identifier(named.table))
        query = sql.SQL("SELECT {}::text, {} FROM {}").format(*columns)
        try:
            rows = self._connection.execute(query).fetchall()
            self._connection.rollback()
        except psycopg.Error as error:
            raise IntegrityFailure(f"the restored rows cannot be read: {_name(error)}") from error
        return frozenset((str(owner), str(digest)) for owner, digest in rows)

    def value(self, statement: str) -> object:
        """Give the first value of the first row, None without one."""
        try:
            row = self._connection.execute(statement.encode()).fetchone()
            self._connection.rollback()
        except psycopg.Error as error:
            self._connection.rollback()
            raise DcopsError(_name(error)) from None  # its text may quote a row
        return row[0] if row else None


class ThrowawayPostgresql:
    """Makes the cluster in `folder`, which must not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def load(self, dump: Path, source: AnySource) -> Iterator[ThrowawayDatabase]:
        """Make the cluster, load the dump, and end the server with the block."""
        assert isinstance(source, DatabaseSource)
        programs = find_programs()
        if len(str(self._folder / ".s.PGSQL.5432").encode()) > _SOCKET_PATH_BYTES:
            raise DcopsError("the path is too long for a socket", where=str(self._folder))
        make_private(self._folder, ACCOUNT if os.geteuid() == 0 else None)
        self._initialise(programs)
        with (self._folder / "log").open("wb") as log, self._server(programs, log) as server:
            try:
                self._await(server)
                self._load(programs, dump)
                with self._connect(_LOADER, _DATABASE) as connection:
                    connection.read_only = True
                    yield _Loaded(connection, source)
            finally:
                _stop(server)

    def _initialise(self, programs: Path) -> None:
        argv = [str(programs / "initdb"), f"--pgdata={self._folder / 'data'}", f"--username={_ADMIN}",
                "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
                "--locale=C.UTF-8", "--no-sync"]  # fmt: skip
        try:
            run(_as_account(argv), cwd=self._folder, timeout_seconds=300)
        except CommandError as error:
            raise DcopsError(f"the throwaway cluster cannot be made: {error}", where=str(self._folder)) from error

    def _server(self, programs: Path, log: Any) -> Child:
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        argv = [str(programs / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder), *settings]
        return start(_as_account(argv), cwd=self._folder, stdout=log, stderr=log)

    def _await(self, server: Child) -> None:
        """Wait until the server answers, then make the role that loads and its database."""
        deadline = monotonic() + _START_SECONDS
        while True:
            try:
                with self._connect(_ADMIN, "postgres") as connection:
                    connection.autocommit = True
                    connection.execute(f"CREATE ROLE {_LOADER} LOGIN")
                    connection.execute(f"CREATE DATABASE {_DATABASE} OWNER {_LOADER} TEMPLATE template0")
                return
            except psycopg.OperationalError as error:
                if server.popen.poll() is not None or monotonic() > deadline:
                    message = "the throwaway cluster does not start"
                    raise DcopsError(message, where=str(self._folder), hint=self._hint()) from error
            sleep(0.05)

    def _load(self, programs: Path, dump: Path) -> None:
        argv = [str(programs / "pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error", "--no-password",
                f"--host={self._folder}", f"--username={_LOADER}", f"--dbname={_DATABASE}", str(dump)]  # fmt: skip
        done = run(argv, timeout_seconds=None, check=False)
        if done.returncode != 0:
            raise load_failure(done.stderr.decode(errors="replace"), done.returncode)

    def _hint(self) -> str:
        """Give the last line of the server's log; nothing was loaded yet, so it quotes nobody's data."""
        lines = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return f"PostgreSQL says: {lines[-1][-200:]}" if lines else ""

    def _connect(self, user: str, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(host=str(self._folder), port=5432, dbname=database, user=user, connect_timeout=5)


def find_programs(root: Path = DEBIAN) -> Path:
    """Give the folder of the newest installed PostgreSQL server's programs. Raises DcopsError when there is none."""
    found = [path.parent for path in root.glob("*/bin/initdb") if path.parent.parent.name.isdecimal()]
    if not found:
        hint = "Install the package postgresql on this host; its own cluster is neither needed nor used."
        raise DcopsError("no PostgreSQL server is installed, so no dump can be loaded", where=str(root), hint=hint)
    return max(found, key=lambda path: int(path.parent.name))


def load_failure(stderr: str, status: int) -> DcopsError:
    """Give the error for a failed pg_restore, without a word of the rows that its message may quote."""
    if "unsupported version" in stderr:
        hint = "Install a PostgreSQL at least as new as the server that was dumped."
        return DcopsError("the dump is of a newer PostgreSQL than the one here", hint=hint)
    if "No space left on device" in stderr:
        return DcopsError("no room for the restored database", hint="Make room below /var/tmp, then verify again.")
    first = next((line for line in stderr.splitlines() if "error:" in line), f"pg_restore ended with status {status}")
    said = first.partition("ERROR:")[0].rstrip(": ")
    return IntegrityFailure(f"the dump cannot be loaded: {said[:160]}")


def _as_account(argv: list[str]) -> list[str]:
    """Give the command so that it runs unprivileged, and ends when we are killed."""
    identity = ["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *identity, "--pdeathsig", "INT", *argv]


def _stop(server: Child) -> None:
    """End the server at once: its data is thrown away, so nothing has to be written first."""
    if server.popen.poll() is None:
        server.popen.send_signal(3)  # QUIT: immediate shutdown
        server.wait(30)


def _name(error: psycopg.Error) -> str:
    return f"{type(error).__name__} (SQLSTATE {error.sqlstate or 'unknown'})"

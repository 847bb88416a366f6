"""A MariaDB server that lives for one verification: socket in a 0700 folder, no TCP, no privileged account.

Root may not run MariaDB, so it then runs as `mysql`. The dump is loaded by an account that may do everything in one
database and nothing outside it, with the client's own commands switched off: a dump is data from elsewhere.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql

from dcops.backup.mariadb import execute, facts_of, quoted, select
from dcops.backup.model import AnySource, MariadbSource, RestoredFacts
from dcops.backup.ports import ThrowawayDatabase
from dcops.backup.scratch import make_private
from dcops.core.clock import monotonic, sleep
from dcops.core.errors import CommandError, DcopsError, IntegrityFailure
from dcops.core.process import Child, run, start

ACCOUNT = "mysql"
_LOADER, _DATABASE = "loader", "restored"
_START_SECONDS = 60.0
_SOCKET_PATH_BYTES = 107  # sun_path of Linux, less its final zero
# 1273 unknown collation, 1115 unknown character set, 1286 unknown storage engine, 4161 unknown data type
_NEWER = re.compile(r"ERROR (1273|1115|1286|4161)\b")
_SETTINGS = [
    "--skip-networking", "--skip-log-bin", "--performance-schema=OFF", "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--local-infile=0",
    "--skip-symbolic-links", "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00", "--max-statement-time=1800",
]  # fmt: skip
_SCHEMA = f"""
CREATE DATABASE {_DATABASE} CHARACTER SET utf8mb4;
CREATE USER {_LOADER}@localhost;
GRANT ALL PRIVILEGES ON {_DATABASE}.* TO {_LOADER}@localhost;
"""


class _Loaded:
    """The loaded dump, looked at in read-only transactions."""

    def __init__(self, connection: Any, source: MariadbSource) -> None:
        self._connection, self._source = connection, source

    def facts(self) -> RestoredFacts:
        """Count and look as the backup did inside its snapshot."""
        try:
            return facts_of(self._connection, self._source)
        except pymysql.MySQLError as error:
            raise IntegrityFailure(f"the restored database cannot be counted: {_name(error)}") from None

    def links(self) -> frozenset[tuple[str, str]]:
        """Give (owner, SHA-256) of each row of the policy's `references`; empty where it names no owner."""
        named = self._source.references
        if named is None or named.owner is None:
            return frozenset()
        try:
            rows = execute(self._connection, select(f"{quoted(named.owner)}, {quoted(named.column)}", named.table))
        except pymysql.MySQLError as error:
            raise IntegrityFailure(f"the restored rows cannot be read: {_name(error)}") from None
        return frozenset((str(owner), str(digest)) for owner, digest in rows)

    def value(self, statement: str) -> object:
        """Give the first value of the first row, None without one."""
        try:
            rows = execute(self._connection, statement)
        except pymysql.MySQLError as error:
            raise DcopsError(_name(error)) from None  # its text may quote a row
        return rows[0][0] if rows else None


class ThrowawayMariadb:
    """Makes the server in `folder`, which must not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def _socket(self) -> str:
        return str(self._folder / "socket")

    @contextmanager
    def load(self, dump: Path, source: AnySource) -> Iterator[ThrowawayDatabase]:
        """Make the server, load the dump, and end the server with the block."""
        assert isinstance(source, MariadbSource)
        if not shutil.which("mariadbd"):
            hint = "Install the package mariadb-server on this host; its own server is neither needed nor used."
            raise DcopsError("no MariaDB server is installed, so no dump can be loaded", hint=hint)
        if len(self._socket.encode()) > _SOCKET_PATH_BYTES:
            raise DcopsError("the path is too long for a socket", where=str(self._folder))
        make_private(self._folder, ACCOUNT if os.geteuid() == 0 else None)
        self._initialise()
        with (self._folder / "log").open("wb") as log, self._server(log) as server:
            try:
                self._await(server)
                self._load(dump)
                with self._connect(_LOADER, _DATABASE) as connection:
                    execute(connection, "SET SESSION TRANSACTION READ ONLY")
                    yield _Loaded(connection, source)
            finally:
                _stop(server)

    def _initialise(self) -> None:
        argv = ["mariadb-install-db", "--no-defaults", f"--datadir={self._folder / 'data'}", "--skip-test-db",
                "--auth-root-authentication-method=normal", "--skip-name-resolve",
                "--innodb-log-file-size=16M"]  # fmt: skip
        try:
            run(_as_account(argv), cwd=self._folder, timeout_seconds=300)
        except CommandError as error:
            raise DcopsError(f"the throwaway server cannot be made: {error}", where=str(self._folder)) from error

    def _server(self, log: Any) -> Child:
        argv = ["mariadbd", "--no-defaults", f"--datadir={self._folder / 'data'}", f"--socket={self._socket}",
                f"--pid-file={self._folder / 'pid'}", f"--tmpdir={self._folder}", *_SETTINGS]  # fmt: skip
        return start(_as_account(argv), cwd=self._folder, stdout=log, stderr=log)

    def _await(self, server: Child) -> None:
        """Wait until the server answers, then make the account that loads and its database."""
        deadline = monotonic() + _START_SECONDS
        while True:
            try:
                with self._connect("root", "mysql") as connection:
                    for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
                        execute(connection, statement)
                return
            except pymysql.MySQLError as error:
                if server.popen.poll() is not None or monotonic() > deadline:
                    message = "the throwaway server does not start"
                    raise DcopsError(message, where=str(self._folder), hint=self._hint()) from error
            sleep(0.1)

    def _load(self, dump: Path) -> None:
        argv = ["mariadb", "--no-defaults", "--batch", f"--socket={self._socket}", f"--user={_LOADER}",
                "--default-character-set=utf8mb4", *_sandbox(), _DATABASE]  # fmt: skip
        with dump.open("rb") as stream:
            done = run(argv, stdin=stream, timeout_seconds=None, check=False)
        if done.returncode != 0:
            raise load_failure(done.stderr.decode(errors="replace"), done.returncode)

    def _hint(self) -> str:
        """Give the last line of the server's log; nothing was loaded yet, so it quotes nobody's data."""
        lines = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return f"MariaDB says: {lines[-1][-200:]}" if lines else ""

    def _connect(self, user: str, database: str) -> Any:
        return pymysql.connect(
            unix_socket=self._socket,
            user=user,
            database=database,
            charset="utf8mb4",
            connect_timeout=5,
            init_command="SET time_zone = '+00:00'",
            autocommit=True,
        )


def load_failure(stderr: str, status: int) -> DcopsError:
    """Give the error for a failed load, without a word of the rows that its message may quote."""
    if _NEWER.search(stderr):
        hint = "Install a MariaDB at least as new as the server that was dumped."
        return DcopsError("the dump is of a newer MariaDB than the one here", hint=hint)
    if "No space left on device" in stderr or "ERROR 1114" in stderr:
        return DcopsError("no room for the restored database", hint="Make room below /var/tmp, then verify again.")
    first = next((line for line in stderr.splitlines() if line.startswith("ERROR")), f"mariadb ended with {status}")
    said = first.partition(":")[0]
    return IntegrityFailure(f"the dump cannot be loaded: {said[:160]}")


def _sandbox() -> list[str]:
    """Give the option that switches the client's own commands off, where this client has it (from 2024's versions)."""
    told = run(["mariadb", "--no-defaults", "--help"], check=False).stdout
    return ["--sandbox"] if b"--sandbox" in told else []


def _as_account(argv: list[str]) -> list[str]:
    """Give the command so that it runs unprivileged, and ends when we are killed."""
    identity = ["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *identity, "--pdeathsig", "TERM", *argv]


def _stop(server: Child) -> None:
    """End the server at once: its data is thrown away, so nothing has to be written first."""
    if server.popen.poll() is None:
        server.popen.kill()
        server.wait(30)


def _name(error: pymysql.MySQLError) -> str:
    code = error.args[0] if error.args else "unknown"
    return f"{type(error).__name__} (error {code})"

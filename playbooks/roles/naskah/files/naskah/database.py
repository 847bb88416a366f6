"""Connections to PostgreSQL that notice a dead database within two seconds.

Three things can go wrong and each has its own watch: a server that does not answer the connect
(`connect_timeout`), a cut link (`tcp_user_timeout`, keepalives), and a server that took the query and hangs
(a timer of our own that shuts the socket, because neither TCP nor the server would ever speak again).
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from naskah.settings import Settings

QUERY_SECONDS = 1.5


class DatabaseDown(Exception):
    """The database did not answer in time, refused the connection or the statement, or broke it."""


class Database:
    """One connection per thread, opened when first used and dropped after any failure of the connection."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; nothing is opened yet."""
        self._settings = settings
        self._local = threading.local()

    @contextmanager
    def transaction(self, seconds: float = QUERY_SECONDS) -> Iterator[psycopg.Cursor]:
        """A cursor in a transaction: committed at the end, rolled back on an exception.

        A connection that had died while idle is replaced once, before anything is sent on it.
        Raises DatabaseDown when the server cannot be used within `seconds` (plus 2 s where it had to be connected).
        """
        connection = self._usable(seconds)
        try:
            with _deadline(connection, seconds), connection.transaction(), connection.cursor() as cursor:
                yield cursor
        except psycopg.Error as error:
            self._drop()
            raise DatabaseDown(_first_line(error)) from error

    def _usable(self, seconds: float) -> psycopg.Connection:
        connection: psycopg.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and _peer_has_closed(connection):
            self._drop()
            connection = None
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
        return connection

    def _connect(self) -> psycopg.Connection:
        s = self._settings
        try:
            return psycopg.connect(
                host=s.database_host,
                port=s.database_port,
                dbname=s.database_name,
                user=s.database_user,
                password=s.database_password,
                sslmode=s.database_sslmode,
                sslrootcert=s.database_sslrootcert,
                application_name=f"naskah-{s.site}",
                autocommit=True,
                connect_timeout=2,
                tcp_user_timeout=1500,
                keepalives_idle=1,
                keepalives_interval=1,
                keepalives_count=1,
            )
        except psycopg.OperationalError as error:
            raise DatabaseDown(_first_line(error)) from error

    def _drop(self) -> None:
        connection: psycopg.Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()


@contextmanager
def _deadline(connection: psycopg.Connection, seconds: float) -> Iterator[None]:
    """Shut the connection's socket after `seconds`, so that a wait on a silent server ends with an error."""
    duplicate = socket.socket(fileno=os.dup(connection.fileno()))
    timer = threading.Timer(seconds, _shut, (duplicate,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        duplicate.close()


def _shut(handle: socket.socket) -> None:
    try:
        handle.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed between the timer's end and now: nothing is waiting any more


def _peer_has_closed(connection: psycopg.Connection) -> bool:
    """Whether the server ended this idle connection; an idle server sends nothing, so readable means closed."""
    if connection.closed:
        return True
    duplicate = socket.socket(fileno=os.dup(connection.fileno()))
    try:
        duplicate.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        duplicate.close()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

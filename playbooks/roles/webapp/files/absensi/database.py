"""Connections to MariaDB that notice a dead server within two seconds, whichever way it died.

A refused connection fails at once; a server that does not answer the connect, a cut link and a server that took the
statement and hangs all end in the socket's own timeouts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from webapp.errors import Unavailable
from webapp.settings import Settings, credential

QUERY_SECONDS, CONNECT_SECONDS = 1.5, 2


class Database:
    """One connection per thread, opened when first used and dropped after any failure of the connection."""

    def __init__(self, settings: Settings, seconds: float = QUERY_SECONDS) -> None:
        """Keep the settings; nothing is opened yet. `seconds`: how long one statement may take."""
        self._settings = settings
        self._seconds = seconds
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor in a transaction: committed at the end, rolled back on an exception.

        A connection that had died while idle is replaced once, before anything is sent on it. Raises Unavailable.
        """
        try:
            connection = self._usable()
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except (pymysql.MySQLError, OSError) as error:
            self._drop()
            raise Unavailable(f"database: {_words(error)}") from error
        except BaseException:
            self._drop()  # the open transaction ends with its connection
            raise

    def _usable(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            try:
                connection.ping(reconnect=False)
            except (pymysql.MySQLError, OSError):
                self._drop()
                connection = None
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def _connect(self) -> Any:
        at = self._settings.section("database")
        return pymysql.connect(
            host=at["host"],
            port=int(at.get("port", "3306")),
            user=at["user"],
            password=credential("db-password"),
            database=at["name"],
            ssl={"ca": at.get("ca", self._settings.ca), "check_hostname": True},
            init_command="SET time_zone = '+00:00'",
            charset="utf8mb4",
            autocommit=False,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._seconds,
            write_timeout=self._seconds,
        )

    def _drop(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            try:
                connection.close()
            except (pymysql.MySQLError, OSError):
                pass  # it was dead already


def _words(error: Exception) -> str:
    """What an error says, in one line."""
    text = str(error.args[-1]) if error.args else type(error).__name__
    return (text.strip().splitlines() or [type(error).__name__])[0]

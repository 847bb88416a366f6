"""Connects from this host to a node: the connection is made inside the twin's management namespace, nowhere else.

A socket keeps the namespace it was made in, so only a short-lived thread enters it. Run as a program, this is the
ProxyCommand of the twin's SSH configuration: `python3 dial.py NAMESPACE ADDRESS PORT` joins it to stdin and stdout.
Standard library only, since it starts once for every connection.
"""

import contextlib
import ctypes
import os
import select
import socket
import sys
import threading

_CLONE_NEWNET = 0x40000000


def enter(namespace: str) -> None:
    """Move the calling thread into a network namespace. Raises OSError when it is not there or not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), namespace)
    finally:
        os.close(descriptor)


def dial(namespace: str, address: str, port: int, *, timeout_seconds: float = 3.0) -> socket.socket:
    """Give a TCP connection to `address` made inside `namespace`. Raises OSError."""
    answer: list[socket.socket | OSError] = []

    def connect() -> None:
        try:
            enter(namespace)
            answer.append(socket.create_connection((address, port), timeout_seconds))
        except OSError as error:
            answer.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join()
    if isinstance(answer[0], OSError):
        raise answer[0]
    return answer[0]


def banner(namespace: str, address: str, port: int, *, timeout_seconds: float = 3.0) -> bytes:
    """Give the first bytes a server sends by itself; empty when it closes or says nothing. Raises OSError."""
    with dial(namespace, address, port, timeout_seconds=timeout_seconds) as connection:
        return connection.recv(64)


def relay(connection: socket.socket) -> None:
    """Copy stdin to the connection and the connection to stdout until the connection ends."""
    connection.setblocking(True)
    sources: list[int | socket.socket] = [0, connection]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if connection in ready:
            data = connection.recv(65536)
            if not data:
                return
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, 65536)
            if data:
                connection.sendall(data)
            else:
                sources.remove(0)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)


def main(arguments: list[str]) -> int:
    """Join `NAMESPACE ADDRESS PORT` to stdin and stdout; 1 with one line when nothing answers there."""
    namespace, address, port = arguments
    try:
        connection = dial(namespace, address, int(port), timeout_seconds=10)
    except FileNotFoundError:
        sys.stderr.write(f"{namespace}: no such network: the twin is down. Start it with: dcops lab up\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{address} port {port}: {error.strerror or error}\n")
        return 1
    with contextlib.suppress(OSError), connection:
        relay(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

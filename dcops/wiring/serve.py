"""Serves an ASGI application where it was told to, and nowhere else."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import nullcontext
from typing import Any

from dcops.core.errors import DcopsError, UsageError

__all__ = ["listen_on", "parse_listen", "serve"]


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`; port 0 lets the system choose. Raise UsageError otherwise."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f'"{text}" is no address to listen on', hint="Write 127.0.0.1:8080 or [::1]:8080.")
    return host, int(port)


def listen_on(listen: str) -> socket.socket:
    """A bound socket; raise DcopsError when the address is taken or not this machine's."""
    host, port = parse_listen(listen)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, reuse_port=False)
    except OSError as error:
        raise DcopsError(f"cannot listen: {error.strerror or error}", where=listen, hint="Is it taken?") from error


def serve(app: Any, listen: str, *, name: str) -> None:
    """Serve `app` until INT or TERM; requests under way are answered first. Says on stderr where it listens."""
    import uvicorn

    bound = listen_on(listen)
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"{name} listens on http://{shown}:{port}", file=sys.stderr, flush=True)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", server_header=False, timeout_graceful_shutdown=10
    )
    asyncio.run(_run(uvicorn.Server(config), bound))


async def _run(server: Any, bound: socket.socket) -> None:
    """Serve until a signal. uvicorn's own way raises the signal again when it is done, which looks like a crash."""
    server.capture_signals = nullcontext
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    await server.serve(sockets=[bound])

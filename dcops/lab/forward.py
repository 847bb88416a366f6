"""Pages and APIs of the nodes on 127.0.0.1 of this host: small forwarders that live in the supervisor."""

import asyncio
import contextlib
import socket
import threading
from dataclasses import asdict, dataclass

from dcops.core.errors import DcopsError
from dcops.lab.dial import dial
from dcops.lab.model import Topology, Twin

# role -> (name, port on the node, path people open)
_PAGES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "operations": (("prometheus", 9090, "http"), ("alertmanager", 9093, "http"), ("api", 8080, "http")),
    "application": (
        ("naskah", 8443, "https"),
        ("absensi", 8445, "https"),
        ("kearsipan", 8446, "https"),
        ("penghubung", 8447, "https"),
    ),
    "gateway": (("ledger", 8444, "https"),),
}
_FIRST_PORT = 18000


@dataclass(frozen=True)
class Forward:
    """A page: what it is, where it is inside, and the port on 127.0.0.1 (0 until it listens)."""

    name: str
    node: str
    address: str
    port: int
    scheme: str
    local_port: int

    @property
    def url(self) -> str:
        """What to open on this host."""
        return f"{self.scheme}://127.0.0.1:{self.local_port}/"


def plan_forwards(topology: Topology) -> tuple[Forward, ...]:
    """Give the forwards of a twin with the local ports it would like: 18000 upwards, in order."""
    wanted = [
        (f"{name}@{node.name}", node.name, node.management_address, port, scheme)
        for role, pages in _PAGES.items()
        for node in topology.having(role)
        for name, port, scheme in pages
    ]
    return tuple(Forward(*fields, _FIRST_PORT + number) for number, fields in enumerate(wanted))


class Forwarder:
    """Listens on loopback and joins each connection to a node; a thread of its own, one event loop."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._loop = asyncio.new_event_loop()
        self._servers: dict[str, tuple[Forward, asyncio.Server]] = {}
        threading.Thread(target=self._loop.run_forever, name="forwarder", daemon=True).start()

    def listing(self) -> list[dict[str, object]]:
        """Give what is forwarded now, each with its `url`."""
        return [asdict(forward) | {"url": forward.url} for forward, _ in self._servers.values()]

    def ensure(self, forwards: tuple[Forward, ...]) -> None:
        """Listen for each; a port that is taken is replaced by a free one. Others are closed."""
        asyncio.run_coroutine_threadsafe(self._ensure(forwards), self._loop).result(10)

    def add(self, forward: Forward) -> Forward:
        """Listen for one more; gives it with its port. Raises DcopsError when its port is taken."""
        try:
            return asyncio.run_coroutine_threadsafe(self._listen(forward), self._loop).result(10)
        except OSError as error:
            raise DcopsError(f"cannot listen: {error.strerror}", where=f"127.0.0.1:{forward.local_port}") from error

    async def _ensure(self, forwards: tuple[Forward, ...]) -> None:
        wanted = {forward.name: forward for forward in forwards}
        for name in [n for n, (f, _) in self._servers.items() if n not in wanted and "@" in n]:
            self._servers.pop(name)[1].close()
        for forward in forwards:
            if forward.name in self._servers:
                continue
            try:
                await self._listen(forward)
            except OSError:
                await self._listen(Forward(**(asdict(forward) | {"local_port": 0})))

    async def _listen(self, forward: Forward) -> Forward:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(forward, reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", forward.local_port)
        port = int(server.sockets[0].getsockname()[1])
        bound = Forward(**(asdict(forward) | {"local_port": port}))
        self._servers[forward.name] = (bound, server)
        return bound

    def _dial(self, forward: Forward) -> socket.socket:
        """Connect to the service on the node itself, since many listen on loopback only, else by its address."""
        try:
            return dial(self._twin.node(forward.node), "127.0.0.1", forward.port)
        except OSError:
            return dial(self._twin.management, forward.address, forward.port)

    async def _serve(self, forward: Forward, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inside = await asyncio.to_thread(self._dial, forward)
            inside.setblocking(False)
            far_reader, far_writer = await asyncio.open_connection(sock=inside)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            return
    writer.close()

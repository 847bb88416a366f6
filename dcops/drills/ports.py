"""What a drill's actions and probes may touch, each as a small port; they never build an adapter themselves."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from dcops.core.words import Text
from dcops.drills.model import Announced, Attempt, NameAnswer, NameMove, RecoveryPoint, SiteNodes
from dcops.drills.network import LinkState
from dcops.drills.people import Answer, Declaration, Question
from dcops.drills.shut import Shut

Say = Callable[[str], None]


class Faults(Protocol):
    """What no node can do to itself; only in a twin, asked of its supervisor, by inject and rollback steps only."""

    def stop(self, node: str) -> str:
        """Take a node's power away at once; harmless when it is off."""

    def start(self, node: str) -> str:
        """Give a node its power back; harmless when it is on."""

    def start_as_new(self, node: str) -> str:
        """Give a router that is off its power back as its replacement: without the configuration it had."""

    def site(self, site: str) -> SiteNodes:
        """Give the nodes of a site. Raises Refused for one that is not the ministry's."""

    def stop_all(self, nodes: Sequence[str]) -> None:
        """Take the power of several nodes at one moment. Raises Refused when the one that asks is among them."""

    def start_all(self, nodes: Sequence[str]) -> None:
        """Give several nodes their power back, in this order."""

    def cut(self, link: str, *, is_silent: bool = False, end: str | None = None) -> None:
        """Cut a link: carrier lost, or silently; `end`: only what leaves that device vanishes, which is silent."""

    def shape(self, link: str, *, rate: str | None, loss: float, delay_seconds: float | None, end: str | None) -> None:
        """Limit a link: bits per second such as 10M, share of frames lost, delay each way."""

    def heal(self, link: str) -> None:
        """Take every fault off a link; harmless when there is none."""


class Hosts(Protocol):
    """Commands on servers, by inventory name."""

    def run(self, device: str, argv: Sequence[str], *, input: bytes | None = None, timeout_seconds: float = 60) -> str:
        """Run a command and give its output. Raises Unreachable, CommandError."""

    def copy(self, from_device: str, to_device: str, path: str, names: Sequence[str], owner: str) -> int:
        """Copy files named relative to `path` between two hosts and give their bytes; those there are replaced."""

    def status(self, device: str, argv: Sequence[str]) -> int:
        """Run a command and give its exit status. Raises Unreachable."""


class Recovery(Protocol):
    """The off-site copy, read; never the production it was made of."""

    def newest(self, application: str) -> RecoveryPoint | None:
        """Give the newest complete recovery point, or None."""

    def load_database(self, point: RecoveryPoint, device: str, database: str, say: Say) -> float:
        """Stream the dump into an existing empty database and give the seconds.

        Raises IntegrityFailure when what came is not what the manifest says; then nothing is committed.
        """

    def restore_files(self, point: RecoveryPoint, device: str, path: str, owner: str, say: Say) -> float:
        """Stream the files into an existing empty folder of a device and give the seconds."""


class Databases(Protocol):
    """Database servers of the scope's application, by inventory name."""

    def names(self, device: str) -> tuple[str, ...]:
        """Give the databases beside the templates and `postgres`, sorted. Raises Unreachable."""

    def create(self, device: str, database: str, comment: str) -> None:
        """Make an empty database with a comment; refuse one that is there."""

    def comment(self, device: str, database: str) -> str | None:
        """Give a database's comment; None without one or without the database."""

    def rename(self, device: str, database: str, name: str) -> None:
        """Rename a database nobody is connected to."""

    def drop(self, device: str, database: str) -> None:
        """Drop a database, ending its sessions. Harmless when it is not there."""

    def query(self, device: str, database: str, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one reading statement and give its rows."""

    def export_rows(self, device: str, database: str, table: str, where: str) -> tuple[tuple[str, ...], bytes]:
        """Give columns and rows (COPY text) of a table that match the condition, a constant of our own."""


class Routes(Protocol):
    """Where a service address is announced."""

    def announced(self, service: str) -> Announced:
        """Give the sites whose reachable routers announce it, and the routers that do not answer."""

    def withdraw(self, service: str) -> str:
        """Have no site announce it. Harmless when none does."""

    def announce(self, service: str, site: str) -> str:
        """Have `site` alone announce it. Harmless when it does."""


class Routers(Protocol):
    """Network devices: what they are configured to do, what is kept of it, and their BGP sessions."""

    def kept(self, device: str) -> tuple[str, ...]:
        """Give the lines of the kept configuration, less service addresses, which move; none when none is kept."""

    def running(self, device: str) -> tuple[str, ...]:
        """Give the lines of the running configuration in the same form. Raises a TransportError."""

    def sessions(self, device: str) -> Mapping[str, bool]:
        """Give neighbour the inventory gives `device` -> whether its session is established. Raises TransportError."""


class RouterWriter(Protocol):
    """Changes network devices."""

    def restore(self, device: str) -> str:
        """Bring routing to the kept configuration, less service addresses announced elsewhere. Harmless when it is."""


class Upstreams(Protocol):
    """Links to the national side as the registry and the API tell them, looked at now."""

    def state(self, upstream: str, routers: Sequence[str] = ()) -> LinkState:
        """Give the state of an upstream; `routers`: as if it had their BGP sessions alone, one of its paths."""


class Names(Protocol):
    """What names answer, by the ministry's own servers and to an outside client."""

    def expected(self, name: str, site: str | None = None) -> NameAnswer:
        """Give what the inventory says `name` answers, with the whole time it may be kept.

        `site`: where a name that can be moved points; else where it points in the steady state. Raises UsageError for
        a name, or a site of it, that the inventory does not know.
        """

    def served(self, name: str) -> Mapping[str, NameAnswer | None]:
        """Give name server -> its answer; None for one that does not answer."""

    def outside(self, name: str) -> NameAnswer:
        """Give what the caching resolver of the national side tells its clients. Raises Unreachable."""


class NameWriter(Protocol):
    """Points names at sites."""

    def point(self, name: str, site: str) -> NameMove:
        """Have every name server that can be reached answer the address at `site`. Harmless when it does.

        Raises UsageError for a name that cannot be moved, Unreachable when no server was reached.
        """


class Fence(Protocol):
    """What keeps a whole site from being reached, beside the routes of one service (Routes) and the permit."""

    def shut(self, site: str) -> str:
        """Shut the site's networks at each of its routers, which stay in reach. Harmless when they are shut.

        Raises ApplyError when a router that answers does not show it, Unreachable when none answers.
        """

    def open(self, site: str) -> str:
        """Open them again. Harmless when they are open."""

    def seen(self, site: str) -> Shut:
        """Say which of the site's routers show their networks shut, which open, and which do not answer."""


class Web(Protocol):
    """HTTPS as an outside client speaks it: the certificate must be good for the service's name."""

    def place(self, service: str) -> tuple[str, int, str]:
        """Give address, port and name of a service."""

    def get(
        self, service: str, path: str, *, device: str | None = None, timeout_seconds: float = 2.0
    ) -> tuple[int, bytes]:
        """Ask the service at its address, or at one device's own. Raises a TransportError."""

    def post(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        *,
        device: str | None = None,
        timeout_seconds: float = 4.0,
    ) -> tuple[int, bytes]:
        """Send a JSON document; else as `get`."""


class Observer(Protocol):
    """The independent observer's ledger, read over HTTPS; nothing of ours can write it."""

    def attempts(self, since: datetime, until: datetime | None = None) -> list[Attempt]:
        """Give the attempts answered in the window, in order."""

    def lost(self, since: datetime, until: datetime) -> tuple[int, int]:
        """Have the observer ask the service for each letter it holds acknowledged: how many are lost, and unknown."""


class People(Protocol):
    """Those who take part in a drill; what they answer is kept where a later process of the run finds it."""

    def ask(self, question: Question) -> None:
        """Tell a question to whoever may answer. A second call tells it again, which is harmless."""

    def answer(self, step: str) -> Answer | None:
        """Give the first answer to a step's question, or None while there is none. Waits a moment at most."""


class Declarations(Protocol):
    """Disasters declared by people's signatures."""

    def ask(self, text: Text, until: datetime) -> Declaration:
        """Tell that signatures are wanted under these words and give what is to be signed. Harmless twice."""

    def signed(self, declaration: Declaration) -> tuple[str, ...]:
        """Give who validly signed: approvers of the inventory with different keys, none of them the operator."""

"""A drill's ports over network and registry: devices and their kept configurations, links to the national side."""

from collections.abc import Mapping, Sequence

from dcops.core.errors import Unreachable
from dcops.core.settings import Settings
from dcops.drills.network import LinkState
from dcops.inventory import Inventory
from dcops.network.ports import Recorder
from dcops.network.service import comparable_lines, read_bgp, restore_configuration
from dcops.registry.model import CheckKind
from dcops.registry.plan import conclude
from dcops.registry.service import Board
from dcops.wiring.network import NetworkTools, require_writer
from dcops.wiring.registry import open_board

_NO_KEY = b"kept texts have their secrets replaced already"


class NetworkRouters:
    """The drill's Routers and RouterWriter ports over the network's use cases and this host's history."""

    def __init__(self, tools: NetworkTools, record: Recorder) -> None:
        self._tools, self._record = tools, record

    def kept(self, device: str) -> tuple[str, ...]:
        """Give the lines of the kept configuration, less service addresses, which move; none when none is kept."""
        network = self._tools.network
        text = self._tools.history.read(network.target(device).site, device)
        return () if text is None else comparable_lines(network, device, text, _NO_KEY)

    def running(self, device: str) -> tuple[str, ...]:
        """Give the lines of the running configuration in the same form. Raises a TransportError."""
        network = self._tools.network
        with self._tools.reader(network.target(device)) as session:
            text = session.read_running()
        return comparable_lines(network, device, text, self._tools.redaction_key())

    def sessions(self, device: str) -> Mapping[str, bool]:
        """Give neighbour the inventory gives `device` -> whether its session is established."""
        network = self._tools.network
        (status,) = read_bgp([network.target(device)], self._tools.reader)
        if status.error:
            raise Unreachable(status.error, where=device)
        up = {peer.address for peer in status.peers if peer.is_established}
        return {each.name: each.address in up for each in network.base[device].neighbours}

    def restore(self, device: str) -> str:
        """Bring routing to the kept configuration, less service addresses announced elsewhere."""
        tools = self._tools
        done = restore_configuration(
            tools.network, device, reader=tools.reader, writer=require_writer(tools), history=tools.history,
            record=self._record,
        )  # fmt: skip
        return f"{device} {done.status}: {len(done.commands)} lines sent" if done.commands else f"{device} is as kept"


class BoardUpstreams:
    """The drill's Upstreams port: each question is a look of its own, made as the API makes it."""

    def __init__(self, settings: Settings, inventory: Inventory) -> None:
        self._settings, self._inventory = settings, inventory

    def state(self, upstream: str, routers: Sequence[str] = ()) -> LinkState:
        """Give the state of an upstream; `routers`: as if it had their BGP sessions alone, one of its paths."""
        board: Board = open_board(self._settings, lambda: self._inventory)
        status = board.link(upstream).status
        if not routers:
            sessions = sum(check.kind is CheckKind.BGP for check in status.checks)
            return LinkState(state=status.state, reason=status.reason, sessions=sessions)
        path = [each for each in status.checks if each.kind is CheckKind.BGP and each.target.split()[0] in routers]
        state, reason = conclude(path)
        return LinkState(state=state, reason=reason, sessions=len(path))

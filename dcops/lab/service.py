"""The use cases of the twin: bring it up, take it down, say how it is. Takes ports, knows no adapter."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError
from dcops.lab.model import Node, Topology
from dcops.lab.ports import Host, Images, Say, Snapshots, Supervisor

SSH_SECONDS = 90.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Stage:
    """One part of a piece of work: what, and the seconds it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class UpResult:
    """How a twin came up: nodes, those that had to be started, seconds a stage and in all, from a snapshot."""

    nodes: int
    started: tuple[str, ...]
    stages: tuple[Stage, ...]
    is_restored: bool = False

    @property
    def seconds(self) -> float:
        """Wall time in all."""
        return sum(stage.seconds for stage in self.stages)


@dataclass(frozen=True)
class NodeState:
    """How one node is: runs, its SSH server greets, was switched off by a fault; CPU seconds and resident bytes.

    `state` sums it up: up, starting (no SSH yet), off (by a fault), down.
    """

    name: str
    site: str
    roles: tuple[str, ...]
    address: str
    management_address: str
    is_running: bool
    answers: bool
    is_off: bool
    cpu_seconds: float
    memory_bytes: int
    state: str = "down"


@dataclass(frozen=True)
class TwinState:
    """How a twin is."""

    is_up: bool
    supervisor: bool
    nodes: tuple[NodeState, ...] = ()
    faults: tuple[dict[str, Any], ...] = ()
    forwards: tuple[dict[str, Any], ...] = ()


class TwinService:
    """Use cases over one twin. `sleep` waits between polls."""

    def __init__(
        self,
        host: Host,
        images: Images,
        supervisor: Supervisor,
        snapshots: Snapshots,
        sleep: Callable[[float], None],
    ) -> None:
        self._host, self._images, self._supervisor = host, images, supervisor
        self._snapshots, self._sleep = snapshots, sleep

    def build(self, say: Say) -> float:
        """Build the image unless it is there; give the seconds it took."""
        self._host.require_rights()
        return self._images.build(say)

    def up(self, topology: Topology, say: Say, *, snapshot: str | None = None) -> UpResult:
        """Bring the twin of `topology` up, or what is missing of it; a second call changes nothing.

        With `snapshot` the disks come from there, if it exists and the twin has none yet. Raises DcopsError naming the
        nodes that do not answer in time.
        """
        self._host.require_rights()
        watch = _Watch(say)
        if self._host.needs_image(topology) and not self._images.is_built():
            with watch("image"):
                self._images.build(say)
        is_restored = snapshot is not None and self._snapshots.has(snapshot) and not self._host.has_disks()
        if snapshot is not None and is_restored:
            with watch("disks from the snapshot"):
                self._snapshots.restore(snapshot)
        with watch("keys and certificates"):
            self._host.claim(topology)
            self._host.prepare_secrets(topology)
        with watch("network"):
            gone = self._host.remove_strangers(topology)
            self._host.wire(topology)
        for name in gone:
            say(f"{name} is not in the inventory any more: removed")
        with watch("disks"):
            self._host.lay_disks(topology, self._images.root)
        with watch("boot"):
            started = self._start(topology)
        with watch("SSH on all nodes"):
            self._wait(topology.nodes)
        return UpResult(len(topology.nodes), tuple(started), tuple(watch.stages), is_restored)

    def snapshot(self, topology: Topology, key: str, say: Say) -> tuple[int, tuple[Stage, ...]]:
        """Keep the twin as it is under `key`: shut every node down in order, copy, boot again; give bytes and times."""
        self._host.require_rights()
        watch = _Watch(say)
        names = [node.name for node in topology.nodes]
        with watch("shut down"):
            self._supervisor.ask({"verb": "halt", "timeout": 60}, timeout_seconds=90)
        try:
            with watch("copy"):
                size = self._snapshots.save(key, names)
        finally:
            with watch("boot"):
                self._start(topology)
                self._wait(topology.nodes)
        return size, tuple(watch.stages)

    def start_node(self, topology: Topology, name: str) -> float:
        """Switch one node on and wait for its SSH server; give the seconds it took. Its boot files are renewed."""
        self._host.prepare_secrets(topology)
        self._host.lay_disks(topology, self._images.root)
        began = monotonic()
        self._supervisor.ask({"verb": "start", "target": name})
        self._wait((topology.node(name),))
        return monotonic() - began

    def down(self, *, keep_disks: bool) -> bool:
        """Take away everything that is the twin's; give whether there was anything."""
        self._host.require_rights()
        was_present = self._host.is_present() or self._supervisor.is_running()
        if self._supervisor.is_running():
            if keep_disks:
                self._supervisor.ask({"verb": "halt", "timeout": 30}, timeout_seconds=60)
            self._supervisor.ask({"verb": "leave"})
        self._host.tear_down(keep_disks=keep_disks)
        return was_present

    def status(self) -> TwinState:
        """Say how the twin is, from the machine itself and its supervisor."""
        topology = self._host.load_topology()
        if topology is None:
            return TwinState(is_up=False, supervisor=False)
        alive = self._supervisor.is_running()
        off = set(self._result("off")) if alive else set()
        running = self._host.running(topology)
        with ThreadPoolExecutor(16) as pool:
            greeted = dict(
                zip((n.name for n in topology.nodes), pool.map(self._greets(running), topology.nodes), strict=True)
            )
        nodes = []
        for node in topology.nodes:
            cpu, memory = self._host.usage(node)
            nodes.append(
                NodeState(
                    node.name,
                    node.site,
                    node.roles,
                    node.address,
                    node.management_address,
                    node.name in running,
                    greeted[node.name],
                    node.name in off,
                    round(cpu, 1),
                    memory,
                    _word(greeted[node.name], node.name in running, node.name in off),
                )
            )
        faults = tuple(self._result("faults")) if alive else ()
        forwards = tuple(self._result("forwards")) if alive else ()
        return TwinState(bool(running), alive, tuple(nodes), faults, forwards)

    def _greets(self, running: frozenset[str]) -> Callable[[Node], bool]:
        return lambda node: node.name in running and self._host.answers(node)

    def _result(self, verb: str) -> list[Any]:
        return list(self._supervisor.ask({"verb": verb})["result"])

    def _start(self, topology: Topology) -> list[str]:
        self._supervisor.ensure()
        running = self._host.running(topology)
        started = [node.name for node in topology.nodes if node.name not in running]
        for name in started:
            self._supervisor.ask({"verb": "start", "target": name, "for": "up"})
        return started

    def _wait(self, nodes: tuple[Node, ...]) -> None:
        waiting = list(nodes)
        deadline = monotonic() + SSH_SECONDS
        with ThreadPoolExecutor(16) as pool:
            while True:
                answers = list(pool.map(self._host.answers, waiting))
                waiting = [node for node, is_there in zip(waiting, answers, strict=True) if not is_there]
                if not waiting:
                    return
                if monotonic() > deadline:
                    names = ", ".join(node.name for node in waiting)
                    hint = "Look at their journals, or bring them up again: dcops lab up."
                    raise DcopsError(f"no SSH within {SSH_SECONDS:g} s on {names}", hint=hint)
                self._sleep(_POLL_SECONDS)


def _word(answers: bool, is_running: bool, is_off: bool) -> str:
    if answers:
        return "up"
    if is_running:
        return "starting"
    return "off" if is_off else "down"


class _Watch:
    """Times the stages of a piece of work and says what goes on."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.stages: list[Stage] = []
        self._name, self._began = "", 0.0

    def __call__(self, name: str) -> "_Watch":
        self._name = name
        return self

    def __enter__(self) -> None:
        self._say(self._name)
        self._began = monotonic()

    def __exit__(self, *_: object) -> None:
        self.stages.append(Stage(self._name, round(monotonic() - self._began, 2)))

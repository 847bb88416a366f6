"""Carries out faults: links cut, healed and shaped, nodes switched off and on. Used by the supervisor only.

What is broken is kept in a file, so that a supervisor started after a crash knows it.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dcops.core.errors import DcopsError, UsageError
from dcops.core.files import write_atomic
from dcops.core.process import run
from dcops.lab import cables, cgroups, faults, iproute2, render
from dcops.lab.faults import PortFault
from dcops.lab.model import Link, Node, Topology, Twin, port_of
from dcops.lab.nspawn import boot_arguments
from dcops.lab.overlay import Folders
from dcops.lab.ports import Launcher

_POWEROFF = signal.SIGRTMIN + 4  # what systemd as PID 1 takes as "power off" (systemd(1), SIGNALS)


@dataclass
class State:
    """What is broken now: links without carrier, ports with a fault, nodes switched off."""

    cut: list[str] = field(default_factory=list)
    ports: dict[str, dict[str, Any]] = field(default_factory=dict)  # "link/end" -> PortFault fields
    off: list[str] = field(default_factory=list)


class Switchboard:
    """The hands of the supervisor. Every method is safe to call from several threads."""

    def __init__(self, twin: Twin, topology: Topology, folders: Folders, launcher: Launcher, source: Path) -> None:
        self.twin, self.topology, self.folders = twin, topology, folders
        self.launcher, self.source = launcher, source
        self._lock = threading.RLock()
        self._file = folders.run / "faults.json"
        self.state = State(**json.loads(self._file.read_text())) if self._file.exists() else State()

    def start(self, *names: str, is_new: bool = False) -> None:
        """Switch nodes on, in this order; harmless for one that runs. None is, when one of them is unknown.

        `is_new`: routers that are off come up as their replacements would, with the configuration they first booted
        with; their keys stay. Raises UsageError for what is no router, or runs.
        """
        nodes = [self.topology.node(name) for name in names]
        if is_new:
            self._as_new(nodes)
        for node in nodes:
            with self._lock:
                if not self.launcher.is_running(node.name):
                    self._plugs_up(node.name)
                    argv = boot_arguments(self.twin, node, self.folders, self.source)
                    self.launcher.start(self.twin.node(node.name), argv, node.name)
                self.state.off = [each for each in self.state.off if each != node.name]
                self._save()

    def stop(self, *names: str) -> None:
        """Switch nodes off as a power cut would, several at one moment.

        The cables of all go dead before the first process ends, so nobody gets a farewell.
        """
        nodes = [self.topology.node(name) for name in names]
        with self._lock:
            iproute2.set_plugs({plug for node in nodes for plug in cables.plugs(self.twin, node)}, up=False)
            for name in names:
                self.launcher.kill(name)
            self.state.off = sorted({*self.state.off, *names})
            self._save()

    def _as_new(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if node.router is None or not node.is_ministry or self.launcher.is_running(node.name):
                raise UsageError(f"{node.name} is no router of the ministry that is off", hint="Stop it first.")
        for node in nodes:
            path = self.folders.root(node.name) / "etc/frr/frr.conf"
            before = path.stat()
            write_atomic(path, render.frr_conf(node), before.st_mode & 0o777)
            os.chown(path, before.st_uid, before.st_gid)

    def halt(self, targets: list[str] | None, *, timeout_seconds: float = 30.0) -> list[str]:
        """Shut nodes (None: all) down in order, all at once; give those that had to be killed in the end."""
        names = [node.name for node in self.topology.nodes] if targets is None else targets
        inits = {name: cgroups.init_of(self.launcher.group(name)) for name in names}
        for pid in inits.values():
            if pid:
                run(["kill", "-s", str(int(_POWEROFF)), str(pid)], check=False)
        deadline = time.monotonic() + timeout_seconds
        while any(self.launcher.is_running(name) for name in names) and time.monotonic() < deadline:
            time.sleep(0.05)
        late = [name for name in names if self.launcher.is_running(name)]
        for name in names:
            self.launcher.kill(name)
        return late

    def end_all(self) -> None:
        """End every node and collect what is left of it, while its parent still lives to do so."""
        with self._lock:
            self.launcher.remove_all()

    def cut(self, name: str, *, is_silent: bool = False, end: str | None = None) -> None:
        """Cut a link: carrier lost at both ends, or silently (frames vanish, nobody is told), at one end if named."""
        link = self.topology.link(name)
        with self._lock:
            if is_silent:
                for number in self._ends(link, end):
                    self._fault(link, number, is_silent=True)
            else:
                if end is not None:
                    raise UsageError("a cut with loss of carrier takes both ends", hint="Add --silent to hit one end.")
                iproute2.set_plugs({port_of(self.twin, link, self.topology, n) for n in (0, 1)}, up=False)
                self.state.cut = sorted({*self.state.cut, name})
            self._save()

    def shape(
        self, name: str, *, rate_bits: int | None, loss: float, delay_seconds: float | None, end: str | None
    ) -> None:
        """Limit a link: bits per second, share of frames lost, delay each way. Replaces what it had.

        Raises UsageError, with nothing changed, when the kernel cannot delay, or for a rate together with a delay.
        """
        if rate_bits is not None and delay_seconds is not None:
            raise UsageError("a link takes a rate or a delay, not both", hint="Put the delay on another link.")
        link = self.topology.link(name)
        with self._lock:
            for number in self._ends(link, end):
                namespace, port = port_of(self.twin, link, self.topology, number)
                if delay_seconds is not None:
                    _tc(namespace, faults.delay_arguments(port, delay_seconds), needs="netem")
                elif rate_bits is not None:
                    _tc(namespace, faults.rate_arguments(port, rate_bits), needs="tbf")
                else:  # a limit from before
                    run(["tc", "-n", namespace, *faults.unlimited_arguments(port)], check=False)
                self._fault(link, number, loss=loss, rate_bits=rate_bits, delay_seconds=delay_seconds)
            self._save()

    def heal(self, name: str) -> None:
        """Take every fault off a link; harmless when there is none."""
        link = self.topology.link(name)
        with self._lock:
            touched = set()
            for number in (0, 1):
                if self.state.ports.pop(f"{name}/{number}", None) is not None:
                    namespace, port = port_of(self.twin, link, self.topology, number)
                    run(["tc", "-n", namespace, *faults.unlimited_arguments(port)], check=False)
                    touched.add(namespace)
            for namespace in touched:
                self._rules(namespace)
            self.state.cut = [n for n in self.state.cut if n != name]
            alive = {n for n in (0, 1) if link.ends[n][0] not in self.state.off}
            iproute2.set_plugs({port_of(self.twin, link, self.topology, n) for n in alive}, up=True)
            self._save()

    def listing(self) -> list[dict[str, Any]]:
        """Give the faults in force: {"link", "fault", ...} each."""
        found: list[dict[str, Any]] = [{"link": name, "fault": "cut"} for name in self.state.cut]
        for key, fields in sorted(self.state.ports.items()):
            name, _, end = key.partition("/")
            node = self.topology.link(name).ends[int(end)][0]
            words = {k: v for k, v in fields.items() if v and k != "is_both_ways"}
            kind = "silent" if words.pop("is_silent", False) else "shape"
            found.append({"link": name, "fault": kind, "end": node} | words)
        return found

    def _ends(self, link: Link, end: str | None) -> tuple[int, ...]:
        if link not in self.topology.links:
            return (0,)
        if end is None:
            return (0, 1)
        for number in (0, 1):
            if link.ends[number][0] == end:
                return (number,)
        raise UsageError(f"{end} is no end of {link.name}", hint=f"Ends: {link.ends[0][0]}, {link.ends[1][0]}.")

    def _fault(self, link: Link, number: int, **fields: Any) -> None:
        is_cable = link not in self.topology.links
        self.state.ports[f"{link.name}/{number}"] = asdict(PortFault(**fields, is_both_ways=is_cable))
        self._rules(port_of(self.twin, link, self.topology, number)[0])

    def _rules(self, namespace: str) -> None:
        ports = {}
        for key, fields in self.state.ports.items():
            name, _, end = key.partition("/")
            where, port = port_of(self.twin, self.topology.link(name), self.topology, int(end))
            if where == namespace:
                ports[port] = PortFault(**fields)
        run(["ip", "netns", "exec", namespace, "nft", "-f", "-"], input=faults.ruleset(ports).encode())

    def _plugs_up(self, name: str) -> None:
        cut = {port_of(self.twin, self.topology.link(n), self.topology, e) for n in self.state.cut for e in (0, 1)}
        plugs = [plug for plug in cables.plugs(self.twin, self.topology.node(name)) if plug not in cut]
        iproute2.set_plugs(plugs, up=True)

    def _save(self) -> None:
        write_atomic(self._file, json.dumps(asdict(self.state)), 0o600)


def _tc(namespace: str, arguments: list[str], *, needs: str) -> None:
    done = run(["tc", "-n", namespace, *arguments], check=False)
    if done.returncode == 0:
        return
    message = done.stderr.decode(errors="replace").strip()
    if "unknown" in message.lower() or "No such file" in message:
        raise UsageError(f"this kernel has no {needs}", hint="Boot a kernel with it, or leave the option out.")
    raise DcopsError(f"tc failed: {message}", where=namespace)

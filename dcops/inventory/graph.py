"""What depends on what: applications on hosts, hosts on racks' power, services on links. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dcops.inventory.model import Device, Inventory


@dataclass(frozen=True, order=True)
class Edge:
    """`source` needs `target`; both are written `section:name`. `kind` says how."""

    source: str
    target: str
    kind: str


def find_cycles(needs: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Give each cycle once, from its smallest name; empty when there is none.

    Args:
        needs: name -> names it needs; names that are no key are ignored.
    """
    state: dict[str, int] = {}
    cycles: set[tuple[str, ...]] = set()
    for start in needs:
        if state.get(start):
            continue
        # A stack of our own: an inventory may be deeper than Python's recursion limit.
        path: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(needs[start]))]
        state[start] = 1
        path.append(start)
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
                state[name] = 2
            elif following not in needs:
                continue
            elif state.get(following) == 1:
                cycles.add(_rotated(path[path.index(following) :]))
            elif not state.get(following):
                state[following] = 1
                path.append(following)
                stack.append((following, iter(needs[following])))
    return sorted(cycles)


def _rotated(cycle: list[str]) -> tuple[str, ...]:
    """Turn a cycle so that it starts at its smallest name."""
    start = cycle.index(min(cycle))
    return (*cycle[start:], *cycle[:start])


def edges(inventory: Inventory) -> tuple[Edge, ...]:
    """Give every dependency the inventory states, sorted."""
    return tuple(
        sorted({*_of_applications(inventory), *_of_devices(inventory), *_of_power(inventory), *_of_links(inventory)})
    )


def _of_applications(inventory: Inventory) -> Iterator[Edge]:
    for key, application in inventory.applications.items():
        for target in application.dependencies:
            yield Edge(f"application:{key}", f"application:{target}", "dependency")
        for host in application.hosts:
            yield Edge(f"application:{key}", f"device:{host.device}", "standby" if host.standby else str(host.part))
    for service in inventory.services.values():
        yield Edge(f"application:{service.application}", f"service:{service.name}", "address")
        for device in service.next_hops.values():
            yield Edge(f"service:{service.name}", f"device:{device}", "next hop")


def _of_devices(inventory: Inventory) -> Iterator[Edge]:
    for device in inventory.devices.values():
        source = f"device:{device.name}"
        for kind, targets in _needs(device).items():
            for target in targets:
                yield Edge(source, f"device:{target}", kind)
        if device.rack:
            yield Edge(source, f"rack:{device.rack}", "position")
        for inlet in device.power.inlets if device.power else ():
            yield Edge(source, f"pdu:{inlet.pdu}", "power")


def _needs(device: Device) -> dict[str, tuple[str, ...]]:
    """Give the other devices a device needs, by how."""
    found = {"dependency": device.depends_on, "datastore": device.datastores}
    found["cluster"] = (device.cluster,) if device.cluster else ()
    found["array"] = (device.array,) if device.array else ()
    return found


def _of_power(inventory: Inventory) -> Iterator[Edge]:
    for pdu in inventory.pdus.values():
        yield Edge(f"pdu:{pdu.name}", f"feed:{pdu.feed}", "power")
    for feed in inventory.feeds.values():
        for ups in feed.ups:
            yield Edge(f"feed:{feed.name}", f"ups:{ups}", "power")


def _of_links(inventory: Inventory) -> Iterator[Edge]:
    for link in inventory.links.values():
        for end in link.ends:
            yield Edge(f"link:{link.name}", f"device:{end.device}", "end")
        if link.circuit:
            yield Edge(f"link:{link.name}", f"circuit:{link.circuit}", "line")
    for key, upstream in inventory.upstreams.items():
        for name in upstream.links:
            yield Edge(f"upstream:{key}", f"link:{name}", "path")


def reachable(start: str, all_edges: Iterable[Edge], *, backwards: bool = False) -> tuple[str, ...]:
    """Give everything `start` needs, near and far; with `backwards`, everything that needs it. Sorted."""
    following: dict[str, set[str]] = defaultdict(set)
    for edge in all_edges:
        source, target = (edge.target, edge.source) if backwards else (edge.source, edge.target)
        following[source].add(target)
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in following[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return tuple(sorted(seen - {start}))

"""A site's networks are shut at each router that answers, seen to be so, and opened again; nothing else is touched."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from dcops.core.errors import ApplyError, Unreachable
from dcops.network.model import Target
from dcops.network.service import SiteRouters, set_shut, shut_state
from dcops.network.service.shut import is_shut

CONFIG = """frr version 10.3
hostname {name}
!
interface lan0
{shut} vrrp 10 version 3
exit
!
interface w1
 description to pdn
exit
!
end
"""


class Router:
    """One router: its LAN shut or open, its sessions counted; `deaf` takes every line and does nothing."""

    def __init__(self, name: str, *, is_away: bool = False, is_deaf: bool = False) -> None:
        self.name, self.is_away, self.is_deaf = name, is_away, is_deaf
        self.is_shut = False
        self.sent: list[str] = []
        self.saved = 0

    def read_running(self) -> str:
        return CONFIG.format(name=self.name, shut=" shutdown\n" if self.is_shut else "")

    def configure(self, lines: Sequence[str]) -> None:
        self.sent += lines
        if not self.is_deaf:
            self.is_shut = "shutdown" in lines

    def save(self) -> None:
        self.saved += 1


def site(*names: str) -> SiteRouters:
    targets = tuple(Target(name, "jkt", "198.18.255.11", "frr") for name in names)
    return SiteRouters("jkt", targets, {name: ("lan0",) for name in names})


def opener(*routers: Router) -> Any:
    by_name = {router.name: router for router in routers}

    @contextmanager
    def session(target: Target) -> Iterator[Any]:
        if by_name[target.name].is_away:
            raise Unreachable("no answer", where=target.name)
        yield by_name[target.name]

    def open_session(target: Target) -> AbstractContextManager[Any]:
        return session(target)

    return open_session


def test_shut_is_read_of_the_right_interface() -> None:
    assert is_shut("interface lan0\n shutdown\nexit\n", "lan0")
    assert not is_shut("interface lan0\n vrrp 10\nexit\ninterface w1\n shutdown\nexit\n", "lan0")
    assert not is_shut("interface lan0\n no shutdown\nexit\n", "lan0")
    assert not is_shut("hostname shutdown\n", "lan0")


def test_networks_are_shut_saved_recorded_and_opened_again() -> None:
    one, two = Router("jkt-rtr1"), Router("jkt-rtr2")
    records: list[tuple[str, Any]] = []
    routers, writer = site(one.name, two.name), opener(one, two)

    def change(wanted: bool) -> Any:
        return set_shut(routers, wanted, writer=writer, record=lambda *each: records.append(each))

    assert change(True).shut == ("jkt-rtr1", "jkt-rtr2")
    assert one.sent == ["interface lan0", "shutdown", "exit"]
    assert (one.saved, shut_state(routers, writer).open) == (1, ())
    change(True)
    assert one.saved == 1, "what is shut is left alone"
    assert change(False).open == ("jkt-rtr1", "jkt-rtr2")
    assert not one.is_shut
    kinds = [(kind, payload["is_rollback"], payload["status"]) for kind, payload in records]
    assert kinds == [("network.change", False, "changed")] * 2 + [("network.change", True, "changed")] * 2


def test_a_router_that_does_not_answer_is_named_and_one_that_does_not_obey_is_an_error() -> None:
    away, deaf, good = Router("jkt-rtr1", is_away=True), Router("jkt-rtr1", is_deaf=True), Router("jkt-rtr2")
    routers = site("jkt-rtr1", "jkt-rtr2")
    done = set_shut(routers, True, writer=opener(away, good), record=lambda *_: None)
    assert (done.shut, list(done.unread)) == (("jkt-rtr2",), ["jkt-rtr1"])
    assert list(shut_state(routers, opener(away, good)).unread) == ["jkt-rtr1"]
    with pytest.raises(ApplyError, match="does not show it"):
        set_shut(routers, True, writer=opener(deaf, good), record=lambda *_: None)
    with pytest.raises(Unreachable, match="none of its routers"):
        set_shut(site("jkt-rtr1"), True, writer=opener(away), record=lambda *_: None)

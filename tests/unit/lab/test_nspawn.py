"""Launching without systemd: the children of the supervisor, while its other threads collect them."""

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from dcops.core.errors import DcopsError
from dcops.lab import cgroups, nspawn
from dcops.lab.model import Twin
from dcops.lab.nspawn import BareLauncher


class Popen:
    """A child that has ended; while it is waited for, `meanwhile` happens in the watcher's thread."""

    pid = 4711

    def __init__(self, meanwhile: Any) -> None:
        self._meanwhile = meanwhile

    def poll(self) -> int:
        return 0

    def wait(self, timeout: float) -> int:
        self._meanwhile()
        return 0


@pytest.fixture
def launcher(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> BareLauncher:
    """A launcher whose control groups are not of this machine."""
    for name in ("kill", "remove"):
        monkeypatch.setattr(cgroups, name, lambda *_: None)
    monkeypatch.setattr(cgroups, "hierarchies", tuple)
    return BareLauncher(twin)


def boot(launcher: BareLauncher, monkeypatch: pytest.MonkeyPatch, popen: Any, *nodes: str) -> None:
    monkeypatch.setattr(nspawn, "start", lambda *_, **__: SimpleNamespace(popen=popen))
    for node in nodes:
        launcher.start(node, ["true"], node)


def test_children_collected_meanwhile_do_not_disturb_the_end_of_all(
    launcher: BareLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot(launcher, monkeypatch, Popen(launcher.reap), "jkt-rtr1", "jkt-ops1", "pdn-rtr1")
    launcher.remove_all()


def test_a_child_that_does_not_end_is_named(launcher: BareLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    def expire() -> None:
        raise subprocess.TimeoutExpired("systemd-nspawn", 5)

    boot(launcher, monkeypatch, Popen(expire), "jkt-rtr1")
    with pytest.raises(DcopsError, match="jkt-rtr1: process 4711 does not end"):
        launcher.remove_all()

"""A twin comes, survives what kills parts of it, and goes without a trace."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcops.lab import machine, model
from dcops.lab.overlay import Folders
from tests.twin.conftest import MINI, MINI_1, MINI_2, ROOT, Twin


def footprint() -> dict[str, object]:
    """What a twin could leave on this machine: namespaces, mounts, groups, processes, addresses, nspawn's files.

    Other twins that somebody uses meanwhile are looked past: their nodes come and go.
    """
    others = [path.name for path in (ROOT / "var" / "lab").iterdir() if path.name not in (MINI_1, MINI_2)]

    def is_shown(text: str) -> bool:
        return not any(f"{name}-" in text or f"/lab/{name}/" in text for name in others)

    ours = ("systemd-nspawn", "-m dcops.wiring.supervisor", "mmdebstrap --mode", "ip netns exec")
    processes = [(pid, words) for pid, words in command_lines() if any(word in words for word in ours)]
    show = ["ip", "-j", "address", "show"]
    addresses = [
        (link["ifname"], [address["local"] for address in link["addr_info"]])
        for link in json.loads(subprocess.run(show, capture_output=True, check=True).stdout)
    ]
    return {
        "namespaces": sorted(filter(is_shown, (p.name for p in Path("/run/netns").glob("*")))),
        "mounts": sorted(
            line
            for line in Path("/proc/mounts").read_text().splitlines()
            if is_shown(line) and "/run/netns" not in line
        ),
        "groups": sorted(filter(is_shown, (f"{p}-" for p in Path("/sys/fs/cgroup").glob("*/dcops-*")))),
        "processes": sorted(entry for entry in processes if is_shown(entry[1])),
        "addresses": addresses,
        "routes": subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout,
        "nspawn": sorted(filter(is_shown, (str(p) for p in Path("/run/systemd/nspawn/propagate").glob("*")))),
    }


def command_lines() -> list[tuple[int, str]]:
    """(id, command line) of every process that has one; a zombie has none."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if words:
                found.append((int(entry.name), words.replace(b"\0", b" ").decode(errors="replace")))
    return found


def supervisor_pid(twin: Twin) -> int:
    mark = f"-m dcops.wiring.supervisor {twin.folder} "
    return next(pid for pid, words in command_lines() if mark in words)


def boot_id(twin: Twin, node: str) -> str:
    """Something that differs from boot to boot of a node."""
    return twin.say(node, "systemctl", "show", "-p", "UserspaceTimestampMonotonic", "--value")


@pytest.fixture
def fresh(image: None) -> Iterator[Twin]:
    found = Twin(MINI_1, str(MINI))
    found.lab("down", "--purge")
    yield found
    found.lab("down", "--purge")


def test_up_and_down_leave_the_machine_as_it_was(fresh: Twin) -> None:
    before = footprint()
    first = fresh.up()
    assert (first["nodes_up"], len(first["started"])) == (3, 3)
    during = footprint()
    assert during["addresses"] == before["addresses"]
    assert during["routes"] == before["routes"]
    second = fresh.up()
    assert (second["nodes_up"], second["started"]) == (3, [])
    assert all(node["answers"] for node in fresh.status()["nodes"])
    fresh.lab("down")
    assert footprint() == before
    assert not (fresh.folder / "nodes").exists()
    assert json.loads(fresh.lab("down", "--json").stdout)["was_up"] is False


def test_nodes_survive_their_supervisor_and_up_finds_them(fresh: Twin) -> None:
    before = footprint()
    fresh.up()
    booted = boot_id(fresh, "aaa-ops1")
    os.kill(supervisor_pid(fresh), signal.SIGKILL)
    state = fresh.status()
    assert state["supervisor"] is False
    assert all(node["answers"] for node in state["nodes"])
    done = fresh.dcops("lab", "cut", "w1")
    assert done.returncode == 1
    assert "dcops lab up" in done.stderr
    assert fresh.up()["started"] == []
    assert boot_id(fresh, "aaa-ops1") == booted
    fresh.lab("cut", "w1")
    os.kill(supervisor_pid(fresh), signal.SIGKILL)
    fresh.lab("down")
    assert footprint() == before


def begin(twin: Twin) -> "subprocess.Popen[bytes]":
    """An `up` that is going on."""
    words = [sys.executable, "-m", "dcops", "lab", "up", "-i", twin.inventory]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(words, cwd=ROOT, env=twin.environment, stderr=nowhere, stdout=nowhere)


def test_up_goes_on_where_a_killed_one_stopped(fresh: Twin) -> None:
    before = footprint()
    for seconds in (0.7, 0.9, 1.1, 1.3, 1.6):
        child = begin(fresh)
        time.sleep(seconds)
        child.kill()
        child.wait()
    assert fresh.up()["nodes_up"] == 3
    assert fresh.pings("aaa-rtr1", "198.18.250.1")
    fresh.lab("down")
    assert footprint() == before


def test_a_half_made_twin_goes_too(fresh: Twin) -> None:
    before = footprint()
    child = begin(fresh)
    deadline = time.monotonic() + 30
    while not Path(f"/run/netns/{MINI_1}-aaa-rtr1").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    child.kill()
    child.wait()
    fresh.lab("down")
    assert footprint() == before


def test_a_new_server_in_the_inventory_is_a_new_node_at_the_next_up(fresh: Twin, tmp_path: Path) -> None:
    folder = tmp_path / "inventory" / "mini"
    shutil.copytree(MINI, folder)
    copied = Twin(MINI_1, str(folder))
    copied.up()
    booted = boot_id(copied, "aaa-ops1")
    text = (folder / "inventory.yml").read_text()
    server = (
        "  aaa-app1:\n    kind: server\n    site: aaa\n    roles: [application]\n    platform: debian13\n"
        "    interfaces:\n"
        "      mgmt0: {network: management, address: 198.19.0.14/24}\n"
        "      lan0: {network: aaa-lan, address: 198.18.10.12/24}\n"
    )
    (folder / "inventory.yml").write_text(text + server)
    found = copied.up()
    assert found["started"] == ["aaa-app1"]
    assert found["nodes_up"] == 4
    assert boot_id(copied, "aaa-ops1") == booted
    assert copied.say("aaa-ops1", "ping", "-c1", "-W1", "-q", "aaa-app1")
    assert copied.say("aaa-ops1", "ssh", "-o", "BatchMode=yes", "aaa-app1", "hostname") == "aaa-app1"
    (folder / "inventory.yml").write_text(text)
    gone = copied.up()
    assert (gone["nodes_up"], gone["started"]) == (3, [])
    assert not Path(f"/run/netns/{MINI_1}-aaa-app1").exists()


def test_two_twins_with_the_same_addresses_do_not_touch_each_other(fresh: Twin) -> None:
    other = Twin(MINI_2, str(MINI))
    other.lab("down", "--purge")
    before = footprint()
    try:
        fresh.up()
        other.up()
        fresh.say("aaa-ops1", "sh", "-c", f"echo {MINI_1} > /root/whose")
        other.say("aaa-ops1", "sh", "-c", f"echo {MINI_2} > /root/whose")
        fresh.lab("cut", "w1")
        assert not fresh.pings("aaa-rtr1", "198.18.250.1")
        assert other.pings("aaa-rtr1", "198.18.250.1")
        assert fresh.say("aaa-ops1", "cat", "/etc/machine-id") != other.say("aaa-ops1", "cat", "/etc/machine-id")
        assert fresh.say("aaa-ops1", "cat", "/root/whose") == MINI_1
        fresh.lab("down")
        assert all(node["answers"] for node in other.status()["nodes"])
        assert other.say("aaa-ops1", "cat", "/root/whose") == MINI_2
    finally:
        other.lab("down", "--purge")
    assert footprint() == before


def test_a_name_another_state_folder_uses_is_refused(fresh: Twin, tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "images").symlink_to(ROOT / "var" / "lab" / "images")
    fresh.up()
    before = footprint()
    thief = Twin(MINI_1, str(MINI), tmp_path)
    for verb in (("up", "-i", str(MINI)), ("down",)):
        done = thief.dcops("lab", *verb)
        assert done.returncode == 1
        assert "belongs to another twin" in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 3
    assert footprint() == before
    assert all(node["answers"] for node in fresh.status()["nodes"])


def test_disks_are_kept_when_asked_and_forgotten_otherwise(fresh: Twin) -> None:
    fresh.up()
    fresh.say("aaa-ops1", "sh", "-c", "echo kept > /root/mark")
    key = fresh.say("aaa-ops1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    fresh.lab("down", "--keep-disks")
    fresh.up()
    assert fresh.say("aaa-ops1", "cat", "/root/mark") == "kept"
    fresh.lab("down")
    fresh.up()
    assert fresh.run("aaa-ops1", "test", "-e", "/root/mark").returncode == 1
    assert fresh.say("aaa-ops1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub") == key


def test_what_newer_systems_mount_for_a_nodes_sockets_goes_too(
    image: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd-nspawn of Debian 13 mounts it on the host, read-only, and a killed one leaves it there."""
    twin, folder = model.Twin.named("traces", str(tmp_path)), tmp_path / "unix-export" / "traces-aaa-ops1"
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=True)
    monkeypatch.setattr(machine, "_NSPAWN_RUN", tmp_path)
    machine.Machine(twin, Folders(tmp_path))._remove_traces(set(), ["aaa-ops1"])
    mounted = folder.is_mount()
    subprocess.run(["umount", folder], check=False, stderr=subprocess.DEVNULL)
    assert not mounted
    assert not folder.exists()

"""Plain Ansible on inventory/lab/hosts: what it sees, and that with the twin down nothing leaves the machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
HOSTS = HOME / "inventory" / "lab" / "hosts"
BIN = Path(sys.executable).parent
# A twin of this name never exists.
TWIN = "nowhere"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "ansible.cfg").touch()
    return {
        "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "DCOPS_TWIN": TWIN,
        "DCOPS_STATE": str(tmp_path / "state of it"), "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1", "ANSIBLE_TIMEOUT": "3", "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
        "DCOPS_IDENTITY": str(tmp_path / "no identity"),
    }  # fmt: skip


def run(argv: list[str | Path], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)


def listing(environment: dict[str, str], hosts: Path = HOSTS) -> dict[str, dict[str, dict[str, str]]]:
    done = run([hosts, "--list"], environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, dict[str, str]]] = json.loads(done.stdout)
    return found


def test_ansible_inventory_sees_hosts_groups_and_variables(environment: dict[str, str]) -> None:
    done = run(["ansible-inventory", "-i", HOSTS, "--list"], environment)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    found = json.loads(done.stdout)
    variables = found["_meta"]["hostvars"]["jkt-db1"]
    assert variables["ansible_host"] == variables["dcops_management_address"] == "198.19.0.13"
    assert variables["dcops_address"] == "198.18.10.11"
    assert variables["dcops_sites"]["drc"]["gateway"] == "198.18.20.1"
    assert found["database"]["hosts"] == ["drc-db1", "jkt-db1"]
    for group in ("twin", "jkt", "router", "frr", "operations", "naskah_dinas_elektronik"):
        assert found[group]["hosts"], group


def test_every_host_variable_of_ours_is_prefixed(environment: dict[str, str]) -> None:
    """Ansible reserves names such as `serial` and `environment`; `ansible_` ones are connection variables."""
    found = listing(environment)
    hostvars = found["_meta"]["hostvars"].values()
    names = {name for variables in hostvars for name in variables} | set(found["all"]["vars"])
    assert [name for name in names if not name.startswith(("dcops_", "ansible_"))] == []


def test_nothing_of_the_national_side_unless_asked(environment: dict[str, str]) -> None:
    assert not [name for name in listing(environment)["_meta"]["hostvars"] if name.startswith("pdn")]
    every = listing({**environment, "DCOPS_INVENTORY_ALL": "1"})["_meta"]["hostvars"]
    assert {"pdn-rtr1", "pdn-gw1"} <= set(every)


def test_host_gives_one_host_and_nothing_for_a_stranger(environment: dict[str, str]) -> None:
    assert json.loads(run([HOSTS, "--host", "jkt-db1"], environment).stdout)["dcops_role"] == "database"
    assert json.loads(run([HOSTS, "--host", "nobody"], environment).stdout) == {}
    assert run([HOSTS, "--everything"], environment).returncode == 2


def test_group_vars_beside_the_script_are_read(environment: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "inventory" / "lab"
    shutil.copytree(HOME / "inventory", tmp_path / "inventory")
    (root / "group_vars" / "database").mkdir(parents=True)
    (root / "group_vars" / "database" / "tuning.yml").write_text("shared_buffers: 2GB\n")
    (root / "host_vars").mkdir()
    (root / "host_vars" / "drc-db1.yml").write_text("shared_buffers: 1GB\n")
    copied = {**environment, "DCOPS_HOME": str(HOME)}
    answers = [
        json.loads(run(["ansible-inventory", "-i", root / "hosts", "--host", host], copied).stdout)
        for host in ("jkt-db1", "drc-db1", "jkt-app1")
    ]
    assert [answer.get("shared_buffers") for answer in answers] == ["2GB", "1GB", None]


def test_a_node_goes_in_band_with_its_own_known_hosts(environment: dict[str, str], tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    identity.write_text(json.dumps({"inventory": "lab", "name": "jkt-ops1"}))
    found = listing({**environment, "DCOPS_IDENTITY": str(identity)})
    assert found["_meta"]["hostvars"]["drc-db1"]["ansible_host"] == "198.18.20.11"
    assert found["all"]["vars"]["ansible_ssh_common_args"] == "-o StrictHostKeyChecking=yes"


def test_a_host_enrolled_elsewhere_is_no_node_of_the_lab(environment: dict[str, str], tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    identity.write_text(json.dumps({"inventory": "production", "name": "dc-ops1"}))
    found = listing({**environment, "DCOPS_IDENTITY": str(identity)})
    assert "ip netns exec nowhere-mg" in found["all"]["vars"]["ansible_ssh_common_args"]


def test_an_invalid_inventory_says_why_and_lists_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(HOME / "inventory", tmp_path / "inventory")
    root = tmp_path / "inventory" / "lab"
    with (root / "devices" / "jkt.yml").open("a") as file:
        file.write("  jkt-new: {kind: server, site: jkt, seriall: X}\n")
    done = run([root / "hosts", "--list"], {**environment, "DCOPS_HOME": str(HOME)})
    assert done.returncode == 3
    assert done.stdout == ""
    assert 'devices.jkt-new.seriall: unknown key "seriall". Did you mean "serial"?' in done.stderr
    assert "Traceback" not in done.stderr


def test_production_lists_no_host_with_a_placeholder(environment: dict[str, str], tmp_path: Path) -> None:
    """Packets to a documentation address in production would leave the machine: such a host is not there."""
    shutil.copytree(HOME / "inventory", tmp_path / "inventory")
    root = tmp_path / "inventory" / "production"
    path = root / "devices" / "dc.yml"
    device = path.read_text().replace("planned", "active").replace("lan0: {}", "lan0: {address: 198.18.1.5/24}")
    path.write_text(device)
    copied = {**environment, "DCOPS_HOME": str(HOME)}
    assert listing(copied, root / "hosts")["_meta"]["hostvars"] == {}
    path.write_text(device.replace("198.18.1.5", "10.1.1.5"))
    assert list(listing(copied, root / "hosts")["_meta"]["hostvars"]) == ["dc-ops1"]


PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.raw: "true"
"""


def test_with_the_twin_down_every_host_is_unreachable(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "ping.yml").write_text(PLAYBOOK)
    done = run(["ansible-playbook", "-i", HOSTS, "-f", "14", tmp_path / "ping.yml"], environment)
    assert done.returncode == 4, done.stdout
    assert done.stdout.count("unreachable=1") == 14
    # What ssh says when it has no ProxyCommand and tries the network itself.
    assert "connect to host" not in done.stdout


@pytest.fixture
def counted_namespace() -> Iterator[str]:
    """Give a network namespace that routes the lab's addresses to a sink and counts what is sent to them."""
    name = f"dcops-test-{os.getpid()}"
    rules = """table ip watch {
      counter sent { }
      chain out { type filter hook output priority 0; ip daddr 198.18.0.0/15 counter name sent drop; }
    }"""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for words in ("link set lo up", "route add 198.18.0.0/15 dev lo"):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        subprocess.run(["ip", "netns", "exec", name, "nft", "-f", "-"], input=rules, text=True, check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def sent_packets(namespace: str) -> int:
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, "nft", "-j", "list", "counter", "ip", "watch", "sent"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    counters = [item["counter"]["packets"] for item in json.loads(done.stdout)["nftables"] if "counter" in item]
    return int(counters[0])


@needs_root
def test_with_the_twin_down_no_packet_is_sent(
    counted_namespace: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ping.yml").write_text(PLAYBOOK)
    inside: list[str | Path] = ["ip", "netns", "exec", counted_namespace, "ansible-playbook", "-i", HOSTS]
    done = run([*inside, "-f", "14", tmp_path / "ping.yml"], environment)
    assert done.returncode == 4, done.stdout
    assert sent_packets(counted_namespace) == 0
    # The measure works: without the relay the same playbook does send.
    bare = ["-e", "ansible_ssh_common_args=-oConnectTimeout=1", "-l", "jkt-db1"]
    assert run([*inside, *bare, tmp_path / "ping.yml"], environment).returncode == 4
    assert sent_packets(counted_namespace) > 0

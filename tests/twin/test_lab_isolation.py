"""Nothing leaves the namespaces, nodes see only what is theirs, and each can prove which it is."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.twin.conftest import Twin

OUTSIDE = ("192.0.2.1", "198.51.100.1", "203.0.113.1")


def forwarded() -> int:
    """How many packets this host has forwarded for anybody."""
    names, values = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Ip:")]
    return int(values[names.index("ForwDatagrams")])


@pytest.mark.parametrize("node", ["aaa-rtr1", "bbb-rtr1", "aaa-ops1"])
def test_no_address_outside_is_reachable(mini: Twin, node: str) -> None:
    before = forwarded()
    for address in OUTSIDE:
        done = mini.run(node, "ip", "route", "get", address)
        assert done.returncode != 0
        assert "unreachable" in done.stderr
    assert not mini.pings(node, OUTSIDE[0])
    assert "default" not in mini.say(node, "ip", "route")
    assert forwarded() == before


def test_the_host_has_no_leg_in_the_twin(mini: Twin) -> None:
    text = subprocess.run(["ip", "address"], capture_output=True, text=True, check=True).stdout
    assert "198.18." not in text
    assert "198.19." not in text
    inside = ["ip", "netns", "exec", f"{mini.name}-mg", "ip", "route"]
    assert subprocess.run(inside, capture_output=True, text=True, check=True).stdout.split()[:1] == ["198.19.0.0/24"]


def test_nodes_do_not_meet_on_the_management_bridge(mini: Twin) -> None:
    assert not mini.pings("aaa-ops1", "198.19.0.11")
    assert not mini.pings("aaa-rtr1", "198.19.0.21")
    assert mini.pings("aaa-ops1", "198.18.10.1")


def test_a_node_sees_the_code_and_not_the_state_of_the_checkout(mini: Twin) -> None:
    shown = mini.say("aaa-ops1", "ls", "-A", "/opt/dcops/src").split()
    assert "dcops" in shown
    assert not {"var", ".git", ".venv"} & set(shown)
    assert mini.run("aaa-ops1", "touch", "/opt/dcops/src/dcops/x").returncode != 0
    secrets = [path.read_text().strip() for path in (mini.folder / "secrets").glob("*password")]
    assert secrets
    text = mini.say(
        "aaa-rtr1",
        "sh",
        "-c",
        "cat /proc/self/mountinfo; env; find / -xdev -name '*password*' -newer /etc/hostname 2>/dev/null",
    )
    assert not [secret for secret in secrets if secret in text]
    arguments = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert not [secret for secret in secrets if secret in arguments]


def test_secrets_are_readable_by_root_alone(mini: Twin) -> None:
    assert (mini.folder / "secrets").stat().st_mode & 0o777 == 0o700
    for path in (mini.folder / "secrets").rglob("*"):
        if path.is_file() and path.suffix not in (".pub", ".crt"):
            assert path.stat().st_mode & 0o777 == 0o600, path


def test_each_node_has_its_own_keys_and_a_signed_identity(mini: Twin) -> None:
    keys, ids = set(), set()
    check = (
        "from pathlib import Path; from dcops.runs.identity import require_identity;"
        "i=require_identity(Path('/etc/dcops/identity.json'),environment='twin',inventory='mini');"
        "print(i.node,i.machine_id)"
    )
    for node in ("aaa-rtr1", "bbb-rtr1", "aaa-ops1"):
        keys.add(mini.say(node, "cat", "/etc/ssh/ssh_host_ed25519_key.pub"))
        words = mini.say(node, "env", "PYTHONPATH=/opt/dcops/src", "/opt/dcops/venv/bin/python3", "-c", check).split()
        assert words[0] == node
        assert words[1] == mini.say(node, "cat", "/etc/machine-id")
        ids.add(words[1])
    assert len(keys) == len(ids) == 3


def test_a_wrong_host_key_is_refused(mini: Twin) -> None:
    known = mini.folder / "known_hosts"
    right = known.read_text()
    lines = right.splitlines()
    keys = [line.split(" ", 1)[1] for line in lines]
    swapped = [f"{line.split(' ', 1)[0]} {key}" for line, key in zip(lines, [*keys[1:], keys[0]], strict=True)]
    try:
        known.write_text("\n".join(swapped) + "\n")
        done = mini.run("aaa-ops1", "true")
        assert done.returncode == 255
        assert "verification failed" in done.stderr
    finally:
        known.write_text(right)
    assert mini.run("aaa-ops1", "true").returncode == 0


def test_a_twin_that_is_down_is_no_network(mini: Twin) -> None:
    mini.lab("down", "--keep-disks")
    try:
        config = str(mini.folder / "ssh_config")
        words = ["ssh", "-F", config, "aaa-ops1", "true"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 255
        assert "the twin is down" in done.stderr
        answer = mini.dcops("lab", "exec", "aaa-ops1", "--", "true")
        assert answer.returncode == 2
        assert "is down" in answer.stderr
        assert json.loads(mini.dcops("lab", "status", "--json").stdout)["is_up"] is False
    finally:
        mini.up()

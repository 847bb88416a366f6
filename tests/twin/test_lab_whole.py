"""The whole lab, provisioned: every node is well, closed off, and the parts that the lab itself sets up work."""

import time

from tests.twin.conftest import Twin


def names(twin: Twin) -> list[str]:
    return [node["name"] for node in twin.status()["nodes"]]


def test_every_node_answers_and_no_unit_failed(twin: Twin) -> None:
    nodes = twin.status()["nodes"]
    assert len(nodes) == 16
    assert [node["name"] for node in nodes if node["state"] != "up"] == []
    for node in nodes:
        assert twin.say(node["name"], "systemctl", "--failed", "--no-legend", "--plain") == "", node["name"]


def test_no_node_can_leave(twin: Twin) -> None:
    for name in names(twin):
        routes = twin.say(name, "ip", "route")
        assert "default" not in routes, name
        assert twin.run(name, "ip", "route", "get", "192.0.2.1").returncode != 0, name


def test_the_national_gateway_speaks_under_its_own_authority(twin: Twin) -> None:
    authority = (twin.folder / "secrets" / "pdn-ca.crt").read_text()
    curl = ("curl", "-sS", "-m", "5", "--cacert", "/dev/stdin", "https://gw1.pdn.test/health")
    assert '"status": "ok"' in twin.run("pdn-gw1", *curl, input=authority).stdout
    other = (twin.folder / "secrets" / "ca.crt").read_text()
    assert twin.run("pdn-gw1", *curl, input=other).returncode == 60


def test_the_national_resolver_knows_its_own_and_nothing_outside(twin: Twin) -> None:
    assert twin.say("pdn-gw1", "dig", "+short", "@198.18.30.10", "rtr1.pdn.test") == "198.18.30.1"
    assert "NXDOMAIN" in twin.say("pdn-gw1", "dig", "@198.18.30.10", "example.org")


def test_the_first_hop_survives_the_loss_of_its_router(twin: Twin) -> None:
    virtual = "198.18.10.1"
    assert twin.pings("jkt-ops1", virtual)
    assert "00:00:5e:00:01:0a" in twin.say("jkt-ops1", "ip", "neigh", "show", virtual)
    twin.lab("stop", "jkt-rtr1")
    try:
        deadline = time.monotonic() + 10
        while not twin.pings("jkt-ops1", virtual) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert twin.pings("jkt-ops1", virtual)
        assert "00:00:5e:00:01:0a" in twin.say("jkt-ops1", "ip", "neigh", "show", virtual)
    finally:
        twin.lab("start", "jkt-rtr1")
    deadline = time.monotonic() + 30
    while "Master" not in twin.run("jkt-rtr1", "vtysh", "-c", "show vrrp").stdout and time.monotonic() < deadline:
        time.sleep(0.5)
    assert "Status (v4)                             Master" in twin.say("jkt-rtr1", "vtysh", "-c", "show vrrp")


def test_only_the_operations_servers_reach_others_and_never_the_backup_server(twin: Twin) -> None:
    ssh = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3")
    assert twin.say("jkt-ops1", *ssh, "jkt-db1", "hostname") == "jkt-db1"
    assert twin.run("jkt-app1", *ssh, "jkt-db1", "hostname").returncode == 255
    assert twin.run("drc-ops1", *ssh, "drc-bkp1", "hostname").returncode == 255
    assert "Permission denied" in twin.run("drc-ops1", *ssh, "drc-bkp1", "hostname").stderr

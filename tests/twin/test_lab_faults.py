"""Faults do what they say, are undone, and are recorded whoever asks."""

import json
import re
import subprocess
import time
from typing import Any

import pytest

from dcops.lab.probe import everything
from tests.twin.conftest import Twin

FAR = "198.18.250.1"


def asked_by_node(twin: Twin, node: str, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """What the supervisor answers to a node over the socket bound into it."""
    program = (
        "import json,socket,sys\n"
        "s=socket.socket(socket.AF_UNIX); s.connect('/run/dcops/lab.sock'); f=s.makefile('rwb')\n"
        "for r in json.load(sys.stdin):\n"
        "  f.write(json.dumps(r).encode()+b'\\n'); f.flush(); print(f.readline().decode().strip())\n"
    )
    done = twin.run(node, "python3", "-c", program, input=json.dumps(requests))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def carrier(twin: Twin, node: str, interface: str) -> bool:
    return "LOWER_UP" in twin.say(node, "ip", "-br", "link", "show", interface)


def test_a_cut_takes_carrier_and_a_silent_one_does_not(mini: Twin) -> None:
    assert mini.pings("aaa-rtr1", FAR)
    mini.lab("cut", "w1")
    assert not carrier(mini, "aaa-rtr1", "w1")
    assert not carrier(mini, "bbb-rtr1", "w1")
    assert mini.status()["faults"] == [{"link": "w1", "fault": "cut"}]
    mini.lab("heal", "w1")
    assert mini.pings("aaa-rtr1", FAR)
    mini.lab("cut", "w1", "--silent")
    assert carrier(mini, "aaa-rtr1", "w1")
    assert not mini.pings("aaa-rtr1", FAR)
    mini.lab("heal", "w1")
    assert mini.pings("aaa-rtr1", FAR)
    assert mini.status()["faults"] == []


def test_one_end_of_a_link_can_fall_silent(mini: Twin) -> None:
    mini.lab("cut", "w1", "--silent", "--end", "bbb-rtr1")
    sent = mini.say("bbb-rtr1", "cat", "/sys/class/net/w1/statistics/rx_packets")
    assert not mini.pings("aaa-rtr1", FAR)
    assert int(mini.say("bbb-rtr1", "cat", "/sys/class/net/w1/statistics/rx_packets")) > int(sent)
    mini.lab("heal", "w1")
    done = mini.dcops("lab", "cut", "w1", "--silent", "--end", "aaa-ops1")
    assert done.returncode == 2
    assert "Ends: aaa-rtr1, bbb-rtr1" in done.stderr


def test_a_cable_can_be_cut(mini: Twin) -> None:
    mini.lab("cut", "aaa-ops1", "--silent")
    assert not mini.pings("aaa-rtr1", "198.18.10.13")
    mini.lab("heal", "aaa-ops1")
    assert mini.pings("aaa-rtr1", "198.18.10.13")


def test_loss_and_rate(mini: Twin) -> None:
    mini.lab("shape", "w1", "--loss", "30", "--rate", "8M")
    text = mini.run("aaa-rtr1", "ping", "-q", "-c200", "-i0.01", "-W1", FAR).stdout
    lost = float(re.search(r"([0-9.]+)% packet loss", text)[1])  # type: ignore[index]
    # 30 % each way: 51 % of the round trips, give or take four standard deviations of 200
    assert 36 <= lost <= 66
    mini.lab("heal", "w1")
    mini.lab("shape", "w1", "--rate", "8M")
    listen = "import socket,time\ns=socket.create_server(('0.0.0.0',5001)); c,_=s.accept(); t=time.time(); n=0\n"
    listen += "while d:=c.recv(65536): n+=len(d)\nprint(n*8/(time.time()-t)/1e6)"
    mini.say("bbb-rtr1", "sh", "-c", f'nohup python3 -c "{listen}" > /root/rate 2>&1 &')
    time.sleep(0.5)
    send = f"import socket; s=socket.create_connection(('{FAR}',5001)); s.sendall(b'x'*3000000)"
    mini.say("aaa-rtr1", "python3", "-c", send)
    deadline = time.monotonic() + 10
    while not (found := mini.say("bbb-rtr1", "cat", "/root/rate")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert 5 <= float(found) <= 9
    mini.lab("heal", "w1")


def test_delay_where_the_kernel_cannot_is_usage_and_names_it(mini: Twin) -> None:
    has_netem = next(check.is_ok for check in everything() if check.name == "netem")
    done = mini.dcops("lab", "shape", "w1", "--delay", "20ms")
    assert done.returncode == (0 if has_netem else 2)
    if not has_netem:
        assert "netem" in done.stderr
        assert mini.status()["faults"] == []
    mini.lab("heal", "w1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cut", "w9"), '"w9" is no link of this twin'),
        (("stop", "ccc-db1"), '"ccc-db1" is no node of this twin'),
        (("shape", "w1"), "nothing to shape"),
        (("shape", "w1", "--rate", "fast"), '"fast" is no rate'),
        (("forward", "aaa-ops1"), "is not NODE:PORT"),
    ],
)
def test_mistakes_are_usage_in_one_line(mini: Twin, words: tuple[str, ...], message: str) -> None:
    done = mini.dcops("lab", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_power_off_is_silent_and_the_disk_is_there_at_power_on(mini: Twin) -> None:
    mini.say("aaa-ops1", "sh", "-c", "echo kept > /root/mark; sync")
    mini.lab("stop", "aaa-ops1")
    state = next(n for n in mini.status()["nodes"] if n["name"] == "aaa-ops1")
    assert (state["is_running"], state["is_off"]) == (False, True)
    assert not mini.pings("aaa-rtr1", "198.18.10.13")
    mini.lab("start", "aaa-ops1")
    assert mini.say("aaa-ops1", "cat", "/root/mark") == "kept"
    assert mini.pings("aaa-rtr1", "198.18.10.13")
    mini.lab("stop", "aaa-rtr1")
    assert mini.up()["started"] == ["aaa-rtr1"]
    deadline = time.monotonic() + 20
    while mini.run("aaa-rtr1", "vtysh", "-c", "show version").returncode and time.monotonic() < deadline:
        time.sleep(0.5)
    # a unit restarted in the control group of a killed node would die again
    mini.say("aaa-rtr1", "systemctl", "restart", "frr")


def test_an_operations_server_asks_for_faults_by_name_and_for_nothing_else(mini: Twin) -> None:
    cut = {"verb": "cut", "target": "w1", "run": "01TESTRUN"}
    answers = asked_by_node(
        mini, "aaa-ops1", cut, {"verb": "leave"}, {"verb": "cut", "target": "../w1"}, {"verb": "heal"}
    )
    assert [answer["ok"] for answer in answers] == [True, False, False, False]
    assert mini.status()["faults"] == [{"link": "w1", "fault": "cut"}]
    assert asked_by_node(mini, "aaa-ops1", {"verb": "heal", "target": "w1"}) == [{"ok": True, "result": None}]
    lines = [json.loads(line) for line in (mini.folder / "faults.jsonl").read_text().splitlines()][-5:]
    assert [(line["by"], line["verb"], line["ok"]) for line in lines] == [
        ("aaa-ops1", "cut", True),
        ("aaa-ops1", "leave", False),
        ("aaa-ops1", "cut", False),
        ("aaa-ops1", "heal", False),
        ("aaa-ops1", "heal", True),
    ]
    assert lines[0]["run"] == "01TESTRUN"
    assert mini.run("aaa-rtr1", "test", "-e", "/run/dcops-lab/lab.sock").returncode == 1


def test_a_node_cannot_have_its_own_power_cut(mini: Twin) -> None:
    (answer,) = asked_by_node(mini, "aaa-ops1", {"verb": "stop", "targets": ["bbb-rtr1", "aaa-ops1"]})
    assert (answer["ok"], answer["exit_code"]) == (False, 7)
    assert all(node["is_running"] for node in mini.status()["nodes"])


def test_exec_passes_status_input_and_words_through(mini: Twin) -> None:
    def execute(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return mini.dcops("lab", "exec", *words, **options)

    assert execute("aaa-ops1", "--", "sh", "-c", "exit 7").returncode == 7
    assert execute("aaa-ops1", "--", "cat", input="in\n").stdout == "in\n"
    words = ("printf", "%s|", "a b", "$HOME", "'", "--json")
    assert execute("aaa-ops1", "--", *words).stdout == "a b|$HOME|'|--json|"
    done = execute("nowhere", "--", "true")
    assert done.returncode == 2
    assert "is no node of this twin" in done.stderr


def test_pages_are_reached_on_loopback(mini: Twin) -> None:
    import urllib.request

    mini.say(
        "aaa-ops1",
        "systemd-run",
        "--unit=page",
        "python3",
        "-m",
        "http.server",
        "-d",
        "/opt/dcops/src/dcops/lab",
        "8000",
    )
    added = json.loads(mini.lab("forward", "aaa-ops1:8000", "--json").stdout)
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"{added['url']}model.py", timeout=5) as answer:
                assert b"class Topology" in answer.read()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    names = [page["name"] for page in mini.status()["forwards"]]
    assert "prometheus@aaa-ops1" in names
    assert "aaa-ops1:8000" in names

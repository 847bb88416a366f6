"""Drills of the network: a router replaced, lines to the national side lost; names that move, a page that arrives."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import OPERATIONS, drill

MAIL = "/var/lib/mail-sink/Maildir/new"
HOME = "/root/failing"
pytestmark = [pytest.mark.deep, pytest.mark.twin]


@pytest.fixture(scope="module")
def network(ready: Twin) -> Twin:
    """All sessions are up, and the recovery site's operations server keeps every configuration."""
    ready.say(OPERATIONS, "dcops", "net", "status", "--wait", "60")
    ready.say(OPERATIONS, "dcops", "net", "backup")
    return ready


def passed(twin: Twin, name: str) -> dict[str, object]:
    code, result, said = drill(twin, "run", name, "--yes", "--seed", "5")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert (result["verdict"], result["executed"], result["app"]) == ("PASS", True, "")
    assert result["rto_verified_seconds"] < result["rto_target_seconds"]
    assert result["rpo_seconds"] is None
    controls = [step for step in result["steps"] if step["phase"] == "controls"]
    assert len(controls) >= 3
    assert {step["state"] for step in controls} == {"ok"}
    return result


def test_a_lost_router_is_replaced_and_gets_its_configuration_back(network: Twin) -> None:
    before = network.say("jkt-rtr2", "cat", "/etc/frr/frr.conf")
    booted = network.say("jkt-rtr2", "stat", "-c", "%Y", "/proc/1")
    result = passed(network, "router-lost")
    assert network.say("jkt-rtr2", "cat", "/etc/frr/frr.conf") == before
    assert network.say("jkt-rtr2", "stat", "-c", "%Y", "/proc/1") != booted
    (sent,) = [step["detail"] for step in result["steps"] if step["id"] == "restore"]  # type: ignore[attr-defined]
    assert "lines sent" in sent
    assert network.run(OPERATIONS, "dcops", "net", "restore", "jkt-rtr2", "--check").returncode == 0


def test_a_router_of_which_nothing_is_kept_is_not_touched(network: Twin) -> None:
    kept = "/var/lib/dcops/network/configs"
    network.say(OPERATIONS, "mv", kept, f"{kept}.aside")
    try:
        code, result, _ = drill(network, "run", "router-lost", "--yes")
    finally:
        network.say(OPERATIONS, "sh", "-c", f"rm -rf {kept} && mv {kept}.aside {kept}")
    assert (code, result["verdict"], result["executed"]) == (22, "REFUSED", False)
    assert "dcops net backup" in str(result["reasons"])


def test_the_lines_to_the_national_side_are_lost_and_the_way_round_carries(network: Twin) -> None:
    passed(network, "pdn-link-lost")
    assert network.status()["faults"] == []


def state_of_pdn(twin: Twin) -> str:
    done = twin.run(OPERATIONS, "dcops", "registry", "upstreams", "pdn", "--json")
    return str(json.loads(done.stdout)["items"][0]["status"]["state"])


def wait_for(check: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not check():
        assert time.monotonic() - began < seconds
        time.sleep(1)
    return time.monotonic() - began


def test_all_lines_lost_is_told_as_fail_and_healed_as_pass(network: Twin) -> None:
    assert state_of_pdn(network) == "pass"
    links = ("w1", "w2", "w3", "w4")
    try:
        for link in links:
            network.lab("cut", link, "--silent")
        wait_for(lambda: state_of_pdn(network) == "fail", 60)
    finally:
        for link in links:
            network.lab("heal", link)
    wait_for(lambda: state_of_pdn(network) == "pass", 90)


# --- a rollback that fails, and its page


@pytest.fixture
def failing(network: Twin) -> Iterator[Twin]:
    """A content folder whose router-lost cannot be rolled back: its last step asks for what never is."""
    copy = (
        f"rm -rf {HOME} && mkdir -p {HOME} && ln -s /opt/dcops/src/* {HOME}/ && rm {HOME}/dr_drills"
        f" && mkdir -p {HOME}/dr_drills/scenarios"
        " && sed 's/uses: router.sessions, needs: .restored., with: {device: jkt-rtr2, within: 60s}/"
        "uses: upstream.state, needs: [restored], with: {upstream: pdn, state: fail}/'"
        f" /opt/dcops/src/dr_drills/scenarios/router-lost.yml > {HOME}/dr_drills/scenarios/router-lost.yml"
    )
    network.say(OPERATIONS, "sh", "-c", copy)
    yield network
    network.say(OPERATIONS, "rm", "-rf", HOME)


def letters(twin: Twin) -> set[str]:
    return set(twin.say("drc-svc1", "sh", "-c", f"ls {MAIL} 2>/dev/null || true").split())


def test_a_rollback_that_fails_pages_and_the_page_is_in_the_sink(failing: Twin) -> None:
    before = letters(failing)
    words = ["env", f"DCOPS_HOME={HOME}", "dcops", "drill", "run", "router-lost", "--yes", "--json", "--seed", "5"]
    done = failing.run(OPERATIONS, *words, timeout=400)
    assert done.returncode == 24, done.stdout[-2000:] + done.stderr[-2000:]
    new = letters(failing) - before
    assert len(new) == 1
    text = failing.say("drc-svc1", "cat", f"{MAIL}/{new.pop()}")
    assert "Subject: [twin, GLADI / REHEARSAL] page: drill router-lost: the rollback is incomplete" in text
    assert "To: operator-1@pmk.test" in text
    assert json.loads(done.stdout)["run"] in text
    assert "sessions-back" in text


def test_with_the_sink_dead_the_page_waits_and_goes_out_later(failing: Twin) -> None:
    program = (
        "from dcops.core.settings import Settings; from dcops.inventory import load;"
        "from dcops.wiring.notify import open_notify; from dcops.runs.ports import Urgency; import sys;"
        "s = Settings.load(); open_notify(s, load(s.inventory_root('lab'))).send(Urgency.PAGE, sys.argv[1], 'body')"
    )
    tell = (
        "env", "DCOPS_HOME=/opt/dcops/src", "DCOPS_STATE=/var/lib/dcops", "PYTHONPATH=/opt/dcops/src",
        "/opt/dcops/venv/bin/python3", "-c", program,
    )  # fmt: skip
    before = letters(failing)
    failing.say("drc-svc1", "systemctl", "stop", "mail-sink")
    try:
        failing.say(OPERATIONS, *tell, "while mail was dead")
        assert failing.say(OPERATIONS, "sh", "-c", "cat /var/lib/dcops/notify/*.json").count("while mail was dead") == 1
    finally:
        failing.say("drc-svc1", "systemctl", "start", "mail-sink")
    wait_for(lambda: failing.run(OPERATIONS, "bash", "-c", "</dev/tcp/198.18.20.10/25").returncode == 0, 20)
    failing.say(OPERATIONS, *tell, "mail is back")
    new = letters(failing) - before
    texts = "".join(failing.say("drc-svc1", "cat", f"{MAIL}/{name}") for name in new)
    assert len(new) == 2
    assert "page: late: while mail was dead" in texts


# --- names


def test_a_name_is_moved_at_both_servers_and_back(network: Twin) -> None:
    name, homes = "naskah-db.pmk.test", {"jkt": "198.18.10.11", "drc": "198.18.20.11"}

    def move(site: str) -> None:
        for server in ("jkt-svc1", "drc-svc1"):
            text = f"zone {name}\nupdate delete {name}. A\nupdate add {name}. 30 A {homes[site]}\nsend\n"
            done = network.run(server, "nsupdate", "-4", "-l", input=text)
            assert done.returncode == 0, done.stderr

    def seen(server: str) -> str:
        return network.say("pdn-gw1", "dig", "+short", "+time=2", f"@{server}", name)

    try:
        move("drc")
        assert {seen("198.18.10.10"), seen("198.18.20.10")} == {homes["drc"]}
        wait_for(lambda: seen("127.0.0.1") == homes["drc"], 45)
    finally:
        move("jkt")
    assert {seen("198.18.10.10"), seen("198.18.20.10")} == {homes["jkt"]}
    other = network.run("jkt-svc1", "nsupdate", "-4", "-l", input="update add x.pmk.test. 30 A 198.18.10.1\nsend\n")
    assert other.returncode != 0, "only the names that move may be changed"


def test_with_one_name_server_lost_an_outside_client_still_gets_fresh_answers(network: Twin) -> None:
    def left() -> int:
        text = network.say("pdn-gw1", "dig", "+noall", "+answer", "@127.0.0.1", "naskah.pmk.test")
        return int(text.split()[1])

    network.lab("stop", "jkt-svc1")
    try:
        told = [left()]

        def is_fetched_anew() -> bool:
            told.append(left())
            return told[-1] > told[-2]  # the resolver counts down until it asks again

        wait_for(is_fetched_anew, 90)
    finally:
        network.lab("start", "jkt-svc1")

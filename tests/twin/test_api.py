"""What others see on the twin: the API and the exporter on the operations server, and a link that really goes away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.twin.conftest import Twin

OPS = "jkt-ops1"
API, EXPORTER, PROMETHEUS = "http://127.0.0.1:8080", "http://127.0.0.1:9469", "http://127.0.0.1:9090"
LINKS = ("w1", "w2", "w3", "w4")


def get(twin: Twin, url: str) -> Any:
    return json.loads(twin.say(OPS, "curl", "-sS", "-f", "-m", "15", url))


def until(what: str, seconds: float, probe: Any) -> Any:
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        time.sleep(1)


@pytest.fixture(scope="module")
def served(twin: Twin) -> Twin:
    done = twin.run(OPS, "dcops", "net", "apply", "all", "--yes")
    assert done.returncode == 0, done.stderr
    twin.run(OPS, "dcops", "net", "status", "--wait", "45")
    return twin


def pdn(twin: Twin) -> Any:
    return get(twin, f"{API}/v1/upstreams/pdn/status")


def test_the_api_answers_and_lists_the_whole_catalogue(served: Twin) -> None:
    assert get(served, f"{API}/livez")["status"] == "alive"
    assert get(served, f"{API}/readyz")["status"] == "ready"
    assert len(get(served, f"{API}/v1/apps?limit=100")["items"]) == 27


def test_the_exporter_tells_the_sessions_of_a_router(served: Twin) -> None:
    text = served.say(OPS, "curl", "-sS", "-f", f"{EXPORTER}/snmp?target=jkt-rtr1&module=system,interfaces,bgp")
    peers = [line for line in text.splitlines() if line.startswith("dcops_bgp_peer_established{")]
    assert len(peers) == 3
    assert all(line.endswith(" 1") for line in peers)
    assert 'dcops_interface_up{interface="w1"} 1' in text


def test_prometheus_scrapes_every_router_through_discovery(served: Twin) -> None:
    def scraped() -> bool:
        found = get(served, f"{PROMETHEUS}/api/v1/query?query=dcops_bgp_peer_established")
        devices = {item["metric"]["device"] for item in found["data"]["result"]}
        return devices == {"jkt-rtr1", "jkt-rtr2", "drc-rtr1", "drc-rtr2"}

    until("sessions of all routers in Prometheus", 60, scraped)


def test_the_link_to_pdn_is_well(served: Twin) -> None:
    until("the link to PDN being well", 60, lambda: pdn(served)["state"] == "pass")
    status = pdn(served)
    assert [check["kind"] for check in status["checks"]] == ["bgp"] * 4 + ["https"]
    assert "4 BGP sessions established" in status["reason"]


@pytest.fixture
def one_cut(served: Twin) -> Iterator[Twin]:
    served.lab("cut", "w1")
    yield served
    served.lab("heal", "w1")


def test_one_line_of_four_down_is_a_warning(one_cut: Twin) -> None:
    until("the warning", 60, lambda: pdn(one_cut)["state"] == "warn")
    assert "jkt-rtr1 198.18.250.1" in pdn(one_cut)["reason"]


@pytest.fixture
def all_cut(served: Twin) -> Iterator[Twin]:
    for link in LINKS:
        served.lab("cut", link)
    yield served
    for link in LINKS:
        served.lab("heal", link)


def test_all_lines_down_is_a_failure_with_its_beginning(all_cut: Twin) -> None:
    until("the failure", 60, lambda: pdn(all_cut)["state"] == "fail")
    assert "none of 4 BGP sessions" in until("all sessions seen down", 60, lambda: _none(all_cut))
    done = all_cut.run(OPS, "dcops", "registry", "upstreams", "pdn")
    assert done.returncode == 14, done.stderr


def _none(twin: Twin) -> str:
    reason = str(pdn(twin)["reason"])
    return reason if "none of 4" in reason else ""


def test_it_is_well_again_when_the_lines_are(served: Twin) -> None:
    until("the link to PDN being well again", 90, lambda: pdn(served)["state"] == "pass")

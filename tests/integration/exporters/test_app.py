"""The exporter as a process on loopback, polling a real snmpd."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dcops.core.process import Child, start
from tests.integration.snmp.agent import COMMUNITY, free_udp_port, snmpd

ROOT = Path(__file__).resolve().parents[3]


class Exporter:
    def __init__(self, child: Child, agent: str, dead: str) -> None:
        assert child.popen.stderr is not None
        line = child.popen.stderr.readline().decode()
        assert "listens on http://127.0.0.1:" in line, line
        self.url = line.split()[-1]
        self.child = child
        self.agent = agent
        self.dead = dead

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    folder = tmp_path_factory.mktemp("exporter")
    (folder / "secrets").mkdir()
    secret = folder / "secrets" / "snmp-community"
    secret.write_text(f"{COMMUNITY}\n")
    secret.chmod(0o600)
    with snmpd(folder) as port:
        agent, dead = f"127.0.0.1:{port}", f"127.0.0.1:{free_udp_port()}"
        argv = [sys.executable, "-m", "exporters", "serve", "--listen", "127.0.0.1:0", "-i", "lab"]
        environment = {"DCOPS_HOME": str(ROOT), "DCOPS_STATE": str(folder), "PYTHONPATH": str(ROOT)}
        environment["DCOPS_IDENTITY"] = str(folder / "not-enrolled.json")
        with start([*argv, "--also", agent, "--also", dead], env=environment, stderr=PIPE) as child:
            yield Exporter(child, agent, dead)


def values(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_device_is_polled_and_its_metrics_are_well_formed(exporter: Exporter) -> None:
    status, text = exporter.get(f"/snmp?target={exporter.agent}&module=system,interfaces&module=host_resources")
    assert status == 200, text
    found = values(text)
    assert found["dcops_device_upsnmp"] == 1
    assert found["dcops_interface_uplo"] == 1
    assert found["dcops_interface_receive_bytes_totallo"] >= 0
    assert found["dcops_memory_used_ratio"] > 0
    assert 'name="loopback"' in text
    assert found["snmp_scrape_pdus_returned"] > 20


def test_a_silent_device_is_a_failed_scrape_with_the_reason_inside_the_scrape_timeout(exporter: Exporter) -> None:
    status, text = exporter.get(f"/snmp?target={exporter.dead}", X_Prometheus_Scrape_Timeout_Seconds="1.5")
    assert status == 500
    assert exporter.dead in text
    assert "Traceback" not in text


def test_partial_gives_what_could_be_read(exporter: Exporter) -> None:
    status, text = exporter.get(
        f"/snmp?target={exporter.dead}&module=system&partial=true", X_Prometheus_Scrape_Timeout_Seconds="1.5"
    )
    assert status == 200
    assert values(text)["snmp_module_upsystem"] == 0
    assert values(text)["dcops_device_upsnmp"] == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/snmp", "exactly one target is needed"),
        ("/snmp?target=a&target=b", "exactly one target is needed"),
        ("/snmp?target=198.51.100.7", 'target "198.51.100.7" is not in the inventory'),
        ("/snmp?target=jkt-rtr9", 'Did you mean "jkt-rtr'),
        ("/snmp?target=pdn-rtr1", "is not in the inventory"),
        ("/snmp?target=jkt-rtr1", "jkt-rtr1: this host is not enrolled, so it polls no device"),
        ("/snmp?target=AGENT&module=interface", 'Did you mean "interfaces"'),
        ("/snmp?target=AGENT&module=,", "no module is named"),
        ("/snmp?target=AGENT&auth=defalt", 'Did you mean "default"'),
        ("/sd/node?rack=x", '"rack" is no filter'),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(exporter: Exporter, path: str, message: str) -> None:
    status, text = exporter.get(path.replace("AGENT", exporter.agent))
    assert status == 400
    assert message in text


def test_a_wrong_timeout_header_is_refused(exporter: Exporter) -> None:
    status, text = exporter.get(f"/snmp?target={exporter.agent}", X_Prometheus_Scrape_Timeout_Seconds="soon")
    assert status == 400
    assert "X-Prometheus-Scrape-Timeout-Seconds" in text


def test_discovery_lists_the_inventory(exporter: Exporter) -> None:
    status, text = exporter.get("/sd/snmp?role=router")
    assert status == 200
    assert {group["labels"]["device"] for group in json.loads(text)} == {"jkt-rtr1", "jkt-rtr2", "drc-rtr1", "drc-rtr2"}


def test_own_metrics_health_and_readiness_and_no_secret_anywhere(exporter: Exporter) -> None:
    exporter.get(f"/snmp?target={exporter.agent}")
    status, text = exporter.get("/metrics")
    assert status == 200
    assert values(text)["dcops_snmp_polls_totalok"] >= 1
    assert values(text)["dcops_exporter_inventory_loaded"] == 1
    assert exporter.get("/-/healthy") == (200, "healthy\n")
    assert exporter.get("/-/ready") == (200, "ready\n")
    for path in ("/metrics", "/sd/node", f"/snmp?target={exporter.dead}&auth=x", f"/snmp?target={exporter.agent}"):
        assert COMMUNITY not in exporter.get(path)[1]


def test_it_ends_cleanly_when_told_to(exporter: Exporter) -> None:
    os.kill(exporter.child.pid, signal.SIGTERM)
    assert exporter.child.popen.wait(10) == 0

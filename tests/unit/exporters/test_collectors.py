"""Collectors on walks, and the text format read back by Prometheus' own parser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dcops.snmp.model import Value
from dcops.snmp.walk import Walk, parse_oid
from exporters.collectors import MODULES
from exporters.exposition import Family, render

RECORDED = Path(__file__).resolve().parents[2] / "recorded" / "snmp"


def walk_of(values: dict[str, Value]) -> Walk:
    return Walk((parse_oid(oid), value) for oid, value in values.items())


def samples(module: str, walk: Walk) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = render(MODULES[module].collect(walk))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"


def test_interfaces_prefer_the_64_bit_counter_and_the_short_name() -> None:
    found = samples(
        "interfaces",
        walk_of(
            {
                f"{IF}.2.2": b"eth0 long", f"{IF}.3.2": 6, f"{IF}.7.2": 1, f"{IF}.8.2": 2,
                f"{IF}.10.2": 5, f"{IF}.14.2": 3,
                f"{IFX}.1.2": b"lan0", f"{IFX}.6.2": 2**40, f"{IFX}.15.2": 10000, f"{IFX}.18.2": b'to "pdn"',
            }
        ),
    )  # fmt: skip
    lan0 = (("interface", "lan0"),)
    assert found["dcops_interface_receive_bytes_total", lan0] == 2**40
    assert found["dcops_interface_receive_errors_total", lan0] == 3
    assert found["dcops_interface_admin_up", lan0] == 1
    assert found["dcops_interface_up", lan0] == 0
    assert found["dcops_interface_speed_bits_per_second", lan0] == 10_000_000_000
    assert ("dcops_interface_info", (("alias", 'to "pdn"'), ("interface", "lan0"), ("type", "6"))) in found


def test_an_old_agent_has_only_32_bit_counters_which_may_look_negative() -> None:
    found = samples("interfaces", walk_of({f"{IF}.2.1": b"lo", f"{IF}.10.1": -1, f"{IF}.16.1": 7}))
    assert found["dcops_interface_receive_bytes_total", (("interface", "lo"),)] == 2**32 - 1
    assert ("dcops_interface_receive_packets_total", (("interface", "lo"),)) not in found


def test_two_interfaces_of_one_name_are_told_apart() -> None:
    found = samples("interfaces", walk_of({f"{IF}.2.1": b"p", f"{IF}.8.1": 1, f"{IF}.2.2": b"p", f"{IF}.8.2": 2}))
    assert found["dcops_interface_up", (("interface", "p"),)] == 1
    assert found["dcops_interface_up", (("interface", "p#2"),)] == 0


PEER = "1.3.6.1.2.1.15.3.1"


def test_bgp_peers_with_four_byte_numbers() -> None:
    index = "198.18.250.1"
    found = samples("bgp", walk_of({f"{PEER}.2.{index}": 6, f"{PEER}.9.{index}": -94967266, f"{PEER}.16.{index}": 42}))
    assert found["dcops_bgp_peer_established", (("peer", index),)] == 1
    assert ("dcops_bgp_peer_info", (("peer", index), ("remote_as", "4200000030"))) in found
    assert found["dcops_bgp_peer_state_seconds", (("peer", index),)] == 42


def test_a_session_that_is_not_up_is_zero_and_not_absent() -> None:
    found = samples("bgp", walk_of({f"{PEER}.2.198.18.250.1": 3}))
    assert found["dcops_bgp_peer_established", (("peer", "198.18.250.1"),)] == 0
    assert found["dcops_bgp_peer_state", (("peer", "198.18.250.1"),)] == 3


def test_storage_is_in_bytes_and_memory_a_ratio() -> None:
    entry = "1.3.6.1.2.1.25.2.3.1"
    found = samples(
        "host_resources",
        walk_of(
            {
                f"{entry}.2.1": "1.3.6.1.2.1.25.2.1.2", f"{entry}.3.1": b"Physical memory", f"{entry}.4.1": 1024,
                f"{entry}.5.1": 1000, f"{entry}.6.1": 250, "1.3.6.1.2.1.25.3.3.1.2.196608": 40,
            }
        ),
    )  # fmt: skip
    assert found["dcops_storage_size_bytes", (("storage", "Physical memory"),)] == 1_024_000
    assert found["dcops_memory_used_ratio", ()] == 0.25
    assert found["dcops_cpu_used_ratio", (("cpu", "196608"),)] == 0.4


def test_an_agent_that_says_nothing_gives_no_numbers() -> None:
    for name in MODULES:
        assert not [key for key in samples(name, walk_of({})) if key[0] != "dcops_device_info"]


def test_the_text_is_what_the_parser_of_prometheus_reads() -> None:
    odd = {"text": 'back\\slash "quote"\nline'}
    text = render(
        [Family("dcops_x", "gauge", "a\nb", [(odd, 1.5), ({"text": "big"}, 1e21), ({"text": "n"}, float("nan"))])]
    )
    (family,) = text_string_to_metric_families(text)
    assert [(s.labels, s.value) for s in family.samples][:2] == [(odd, 1.5), ({"text": "big"}, 1e21)]


def cases() -> list[Path]:
    return sorted(path for path in RECORDED.glob("*/*") if path.is_dir())


@pytest.mark.parametrize("case", cases(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_recorded_devices(case: Path) -> None:
    raw = json.loads((case / "walk.json").read_text())
    walk = Walk((parse_oid(oid), bytes.fromhex(v["hex"]) if isinstance(v, dict) else v) for oid, v in raw.items())
    assert render(MODULES[case.parent.name].collect(walk)) == (case / "expected.prom").read_text()

"""The demo, as a user sees it, and what it says when something is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.twin
ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("DCOPS_STATE") or ROOT / "var")


def demo(twin: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, str(ROOT / "script/demo.py"), "--twin", twin, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=900)


def node(twin: str, name: str, *command: str) -> "subprocess.CompletedProcess[str]":
    argv = [str(ROOT / ".venv/bin/dcops"), "lab", "exec", "--twin", twin, name, "--", *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def rehearsed(twin_name: str) -> dict[str, object]:
    """The demo run once, from the network stage to the proof, on the provisioned twin."""
    done = demo(twin_name, "--from", "network")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads((STATE / "demo" / "summary.json").read_text())


def test_the_drill_passes_and_agrees_with_the_outside_observer(rehearsed: dict[str, object]) -> None:
    drill = rehearsed["drill"]
    assert isinstance(drill, dict)
    assert drill["verdict"] == "PASS"
    assert drill["environment"] == "twin"
    assert abs(drill["rto_service_seconds"] - drill["observer_rto_seconds"]) <= 1.0
    assert drill["lost_acknowledged"] == drill["observer_lost_acknowledged"]
    assert drill["rto_service_seconds"] <= drill["rto_verified_seconds"] <= drill["rto_target_seconds"]
    assert drill["restored_bytes"] > 200_000_000


def test_everything_else_the_summary_holds(rehearsed: dict[str, object]) -> None:
    assert rehearsed["bgp_established"] == 16
    assert rehearsed["configs_backed_up"] == 4
    assert int(str(rehearsed["prometheus_targets_up"])) >= 14
    assert rehearsed["apps_listed"] == 27
    assert rehearsed["pdn_state"] == "pass"
    assert int(str(rehearsed["records_verified"])) > 10


def test_a_second_time_works_too(rehearsed: dict[str, object], twin_name: str) -> None:
    done = demo(twin_name, "--only", "backup")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_postgresql_stopped_before_the_backup(rehearsed: dict[str, object], twin_name: str) -> None:
    before = node(twin_name, "jkt-ops1", "dcops", "backup", "list", "--app", "naskah_dinas_elektronik", "--json").stdout
    node(twin_name, "jkt-db1", "systemctl", "stop", "postgresql@17-main")
    try:
        done = demo(twin_name, "--only", "backup")
    finally:
        node(twin_name, "jkt-db1", "systemctl", "start", "postgresql@17-main")
    assert done.returncode == 1
    said = done.stdout.splitlines()[-1]
    assert "demo: backup:" in said
    assert "naskah-db" in said or "PostgreSQL" in said or "jkt-db1" in said
    after = node(twin_name, "jkt-ops1", "dcops", "backup", "list", "--app", "naskah_dinas_elektronik", "--json").stdout
    assert json.loads(after)["snapshots"] == json.loads(before)["snapshots"], "a failed dump left a snapshot"


def test_the_route_withdrawn(rehearsed: dict[str, object], twin_name: str) -> None:
    withdraw = ["conf t", "router bgp 4200000010", "address-family ipv4 unicast", "no network 198.18.100.10/32"]
    for router in ("jkt-rtr1", "jkt-rtr2"):
        node(twin_name, router, "vtysh", *(word for line in withdraw for word in ("-c", line)))
    try:
        done = demo(twin_name, "--only", "tell")
        seen = demo(twin_name, "--only", "drill")
    finally:
        node(twin_name, "jkt-ops1", "dcops", "net", "apply", "all", "--yes")
    assert done.returncode == 0, "the registry does not depend on the service's route"
    assert seen.returncode == 1
    assert "demo: drill:" in seen.stdout


def test_a_flipped_byte_in_a_pack(rehearsed: dict[str, object], twin_name: str) -> None:
    script = (
        "p=$(find /srv/restic -path '*/data/*' -type f -size +1M | sort | head -1); cp -a $p /root/pack.good;"
        "chmod u+w $p; printf '\\125' | dd of=$p bs=1 seek=4096 conv=notrunc status=none; echo $p"
    )
    pack = node(twin_name, "drc-bkp1", "sh", "-c", script).stdout.strip()
    try:
        done = demo(twin_name, "--only", "backup")
    finally:
        node(twin_name, "drc-bkp1", "cp", "-a", "/root/pack.good", pack)
    assert done.returncode == 1
    said = done.stdout.splitlines()[-1]
    assert "demo: backup:" in said
    assert "ended with 13" in said

"""The loss of the letters' database on real machines: refusals touch nothing, a signal rolls back.

That a whole drill passes is shown by the demo on the twin and, in detail, by the deep tests.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_backup_on_twin import copy_inventory

APP = "naskah_dinas_elektronik"
DRILL = "naskah-db-loss"
OPERATIONS = "drc-ops1"
FILES = "/var/lib/naskah/lampiran"


def state(twin: Twin) -> dict[str, Any]:
    """What a drill could touch: databases and files at drc, power and service at jkt, where the address is."""
    list_databases = "select datname from pg_database where not datistemplate order by 1"
    psql = ("runuser", "-u", "postgres", "--", "psql", "-Atc", list_databases)
    services = json.loads(twin.say(OPERATIONS, "dcops", "net", "service", "show", "--json"))
    return {
        "databases": twin.say("drc-db1", *psql),
        "files": twin.say("drc-app1", "sh", "-c", f"find {FILES} -type f | wc -l"),
        "marker": twin.run("drc-app1", "test", "-e", f"{FILES}.dcops-run").returncode,
        "application": twin.run("drc-app1", "systemctl", "is-active", "naskah").stdout.strip(),
        "booted": twin.say("jkt-db1", "systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"),
        "database": twin.say("jkt-db1", "systemctl", "is-active", "postgresql@17-main"),
        "services": services,
    }


def without_power_cycle(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "booted"}


@pytest.fixture(scope="module")
def ready(twin: Twin) -> Twin:
    """Routes are set, letters are acknowledged, and there is a fresh backup; made so where the guards miss it."""
    if twin.run(OPERATIONS, "dcops", "drill", "plan", DRILL).returncode == 0:
        return twin
    for stage in ("network", "backup"):
        done = twin.program("script/demo.py", "--twin", twin.name, "--only", stage, timeout=400)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return twin


@pytest.fixture
def untouched(ready: Twin) -> Iterator[Twin]:
    before = state(ready)
    yield ready
    assert state(ready) == before


def drill(twin: Twin, *words: str, node: str = OPERATIONS) -> tuple[int, dict[str, Any], str]:
    done = twin.run(node, "dcops", "drill", *words, "--json", timeout=400)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stderr


def test_from_another_site_it_is_refused(untouched: Twin) -> None:
    code, answer, _ = drill(untouched, "run", DRILL, "--yes", node="jkt-ops1")
    assert code == 7
    assert "at jkt, the drill runs at drc" in answer["error"]["message"]


def test_in_another_environment_it_is_refused(untouched: Twin) -> None:
    twin = untouched
    copy_inventory(twin, OPERATIONS)
    try:
        code, answer, _ = drill(twin, "run", DRILL, "-i", "/root/other/inventory/lab", "--yes")
    finally:
        twin.say(OPERATIONS, "rm", "-rf", "/root/other")
    assert code == 7, answer
    assert "twin" in answer["error"]["message"]


def test_a_cluster_that_is_not_empty_is_refused(untouched: Twin) -> None:
    twin = untouched
    psql = ("runuser", "-u", "postgres", "--", "psql", "-qAtc")
    twin.say("drc-db1", *psql, "create database naskah")
    try:
        code, result, _ = drill(twin, "run", DRILL, "--yes")
        assert twin.say("drc-db1", *psql, "select count(*) from pg_database where datname = 'naskah'") == "1"
    finally:
        twin.say("drc-db1", *psql, "drop database naskah")
    assert code == 22
    assert result["verdict"] == "REFUSED"
    assert "already has a database" in result["reasons"][0]
    assert result["rollback"] == "not needed: nothing was touched"


def test_without_a_steady_state_it_is_refused(ready: Twin) -> None:
    twin = ready
    before = state(twin)
    twin.say("jkt-app1", "systemctl", "stop", "naskah")
    try:
        code, result, _ = drill(twin, "run", DRILL, "--yes")
    finally:
        twin.say("jkt-app1", "systemctl", "start", "naskah")
    assert code == 22
    assert any("steady_before" in reason for reason in result["reasons"])
    assert state(twin) == before


def start(twin: Twin) -> str:
    """Start a drill on the node, detached, and give its run id once the recovery has begun."""
    before = set(twin.say(OPERATIONS, "ls", "/var/lib/dcops/runs").split())
    unit = ("systemd-run", "--collect", "--unit=dcops-drill-test", "--setenv=HOME=/root")
    twin.say(OPERATIONS, *unit, "dcops", "drill", "run", DRILL, "--yes", "--seed", "3")
    for _ in range(120):
        new = set(twin.say(OPERATIONS, "ls", "/var/lib/dcops/runs").split()) - before
        for run in new:
            events = twin.run(OPERATIONS, "cat", f"/var/lib/dcops/runs/{run}/events.jsonl").stdout
            if '"id":"load-database"' in events:
                return run
        time.sleep(0.5)
    raise AssertionError("the recovery never began")


def test_a_signal_in_the_middle_rolls_back_first(ready: Twin) -> None:
    before = state(ready)
    run = start(ready)
    code, _, said = drill(ready, "abort", run)
    assert code == 23, said
    results = json.loads(ready.say(OPERATIONS, "dcops", "drill", "history", "--json"))["results"]
    result = results[-1]
    assert (result["verdict"], result["reasons"]) == ("ABORTED", ["stopped by SIGTERM"])
    assert without_power_cycle(state(ready)) == without_power_cycle(before)

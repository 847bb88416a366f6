"""The stand-by promoted after its primary died, and both back in their places with nothing lost."""

import json

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import drill, state, without_power_cycle

NAME = "naskah-promote"
PSQL = ("runuser", "-u", "postgres", "--", "psql", "-At", "--cluster")
pytestmark = [pytest.mark.deep, pytest.mark.twin]


def roles(twin: Twin) -> dict[str, str]:
    """Who serves, who follows by which slot, and where the application at drc is led."""
    recovery = "select pg_is_in_recovery()"
    slots = "select slot_name, active from pg_replication_slots"
    return {
        "jkt serves": twin.say("jkt-db1", *PSQL, "17/main", "-c", recovery).strip(),
        "drc serves": twin.say("drc-db1", *PSQL, "17/standby", "-c", recovery).strip(),
        "slots at jkt": twin.say("jkt-db1", *PSQL, "17/main", "-c", slots).strip(),
        "slots at drc": twin.say("drc-db1", *PSQL, "17/standby", "-c", slots).strip(),
        "system": twin.say("jkt-db1", *PSQL, "17/main", "-c", "select system_identifier from pg_control_system()"),
        "led": str(twin.run("drc-app1", "test", "-e", "/etc/naskah/naskah.ini.dcops-run").returncode),
        "drop-in": str(twin.run("drc-app1", "ls", "/etc/systemd/system/naskah.service.d").returncode),
    }


def test_the_stand_by_is_promoted_and_both_come_back(ready: Twin) -> None:
    before, placed = state(ready), roles(ready)
    assert placed["slots at jkt"] == "drc_db1_standby|t"
    code, result, said = drill(ready, "run", NAME, "--yes", "--seed", "5")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert result["verdict"] == "PASS"
    assert abs(result["rto_service_seconds"] - result["observer_rto_seconds"]) <= 1.0
    assert result["rto_verified_seconds"] < result["rto_target_seconds"]
    # The point recovered to is the stand-by's, seconds old, not that of the backup.
    assert 0 <= result["rpo_seconds"] < 10
    assert result["lost_acknowledged"] == result["observer_lost_acknowledged"] <= 5
    controls = [step for step in result["steps"] if step["phase"] == "controls"]
    assert [step["state"] for step in controls] == ["ok"] * 6
    assert without_power_cycle(state(ready)) == without_power_cycle(before)
    assert roles(ready) == placed
    timelines = [json.loads(line) for line in ready.say("drc-ops1", "cat", events_of(ready, result)).splitlines()]
    promoted = next(e for e in timelines if e.get("id") == "promote" and e.get("state") == "ok")
    assert promoted["facts"]["timeline"] > 1
    assert promoted["facts"]["received_lsn"]
    assert promoted["facts"]["known_primary_lsn"]


def events_of(twin: Twin, result: dict[str, object]) -> str:
    return f"/var/lib/dcops/runs/{result['run']}/events.jsonl"


def test_an_old_primary_does_not_start_beside_the_one_that_serves(ready: Twin) -> None:
    """By hand what a drill never does: promote without taking the old one away, and start that again."""
    placed = roles(ready)
    ready.say("jkt-db1", "systemctl", "stop", "postgresql@17-main")
    try:
        assert ready.say("drc-db1", *PSQL, "17/standby", "-c", "select pg_promote()").strip() == "t"
        done = ready.run("jkt-db1", "systemctl", "start", "postgresql@17-main")
        assert done.returncode != 0
        assert "serves in place of main" in ready.say("jkt-db1", "journalctl", "-u", "postgresql@17-main", "-n", "20")
    finally:
        for where, what in (("drc-db1", "stop postgresql@17-standby"), ("jkt-db1", "start postgresql@17-main")):
            ready.say(where, "systemctl", *what.split())
        again = "/usr/lib/postgresql/17/bin/pg_rewind --config-file=/etc/postgresql/17/standby/postgresql.conf"
        again += ' --target-pgdata=/var/lib/postgresql/17/standby --source-server="$(sed -En "s/^primary_conninfo'
        again += ' = \'(.*) application_name.*/\\1/p" /etc/postgresql/17/standby/postgresql.conf) dbname=postgres"'
        ready.say("drc-db1", "runuser", "-u", "postgres", "--", "sh", "-c", again)
        ready.say(
            "drc-db1", "runuser", "-u", "postgres", "--", "touch", "/var/lib/postgresql/17/standby/standby.signal"
        )
        ready.say("drc-db1", "systemctl", "start", "postgresql@17-standby")
    assert {**roles(ready), "slots at jkt": ""} == {**placed, "slots at jkt": ""}

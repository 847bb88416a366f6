"""A dropped table: the moment before comes back from the WAL archive, and the application never notices."""

import json

import pytest

from tests.twin.conftest import Twin
from tests.twin.test_drill_on_twin import drill, state

pytestmark = [pytest.mark.deep, pytest.mark.twin]


@pytest.fixture(scope="module")
def based(ready: Twin) -> Twin:
    """A base backup of the present timeline: after a promotion and the way home by another test one is due."""
    ready.say("drc-bkp1", "systemctl", "start", "pgbackrest-incr@naskah.service")
    return ready


def test_the_archive_works_and_is_whole(based: Twin) -> None:
    done = based.run("jkt-ops1", "dcops", "backup", "wal", "--app", "naskah_dinas_elektronik", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["missing_count"]) == ("pass", 0)
    assert found["backups"] >= 1
    assert found["exposure_seconds"] == 60


def test_a_dropped_table_comes_back_without_a_row_lost(based: Twin) -> None:
    before = state(based)
    code, result, said = drill(based, "run", "naskah-dropped-table", "--yes", "--seed", "8")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert (result["verdict"], result["executed"], result["lost_acknowledged"]) == ("PASS", True, 0)
    assert result["rpo_seconds"] == 0
    assert result["rto_verified_seconds"] < result["rto_target_seconds"]
    controls = [step for step in result["steps"] if step["phase"] == "controls"]
    assert [step["state"] for step in controls] == ["ok"] * 5
    assert state(based) == before
    own = f"dcops_{result['run'].lower()}"
    assert own not in based.say("drc-db1", "ls", "/var/lib/postgresql")


def test_an_archive_that_fails_is_seen_and_refuses_the_drill(ready: Twin) -> None:
    """Without the repository host the cluster keeps its segments, and the drill touches nothing."""
    server = ("systemctl", "{}", "pgbackrest-server.service")
    ready.say("drc-bkp1", *(word.format("stop") for word in server))
    try:
        switch = "SELECT pg_logical_emit_message(true, 'test', 'x'); SELECT pg_switch_wal()"
        ready.say("jkt-db1", "runuser", "-u", "postgres", "--", "psql", "-qc", switch)
        waiting = "SELECT coalesce(last_failed_time > last_archived_time, false) FROM pg_stat_archiver"
        for _ in range(240):
            if ready.say("jkt-db1", "runuser", "-u", "postgres", "--", "psql", "-Atqc", waiting).strip() == "t":
                break
        code, _, said = drill(ready, "run", "naskah-dropped-table", "--yes")
        assert code == 22, said[-3000:]
    finally:
        ready.say("drc-bkp1", *(word.format("start") for word in server))

"""The program that makes PostgreSQL accounts, against Debian's real PostgreSQL."""

import json
import subprocess
import sys

import pytest

from tests.integration.naskah.conftest import Cluster

from tests.integration.naskah.conftest import cluster as cluster  # the fixture  # isort: skip

from pathlib import Path

PROGRAM = (Path(__file__).parents[3] / "playbooks/roles/postgresql/files/ensure_accounts.py").read_text()
NOTHING: dict[str, object] = {"roles": {}, "creators": [], "databases": {}, "replication": {}, "slots": []}
CANARY = "canary-account-password"


def ensure(cluster: Cluster, *, mode: str = "--apply", **wanted: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("@cluster@", ""), mode],  # PGHOST and PGPORT name the cluster here
        input=json.dumps(NOTHING | wanted),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PGHOST": str(cluster.folder), "PGPORT": str(cluster.port)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert CANARY not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def clean(cluster: Cluster) -> Cluster:
    cluster.sql("drop database if exists tamu", "postgres")
    cluster.sql("drop role if exists tamu", "postgres")
    return cluster


def test_accounts_and_databases_are_made_once(clean: Cluster) -> None:
    wanted = {"roles": {"tamu": CANARY}, "creators": ["tamu"], "databases": {"tamu": "tamu"}}
    lines = "create role tamu\nset password of tamu\ncreatedb for tamu\ncreate database tamu\n"
    assert ensure(clean, mode="--check", **wanted) == lines
    assert clean.sql("select count(*) from pg_roles where rolname = 'tamu'", "postgres") == "0"
    assert ensure(clean, **wanted) == lines
    assert ensure(clean, **wanted) == ""
    assert ensure(clean, mode="--check", **wanted) == ""


def test_a_password_that_postgresql_hashed_itself_is_recognised(clean: Cluster) -> None:
    clean.sql(f"create role tamu login password '{CANARY}'", "postgres")
    assert ensure(clean, roles={"tamu": CANARY}) == ""
    assert ensure(clean, roles={"tamu": CANARY + "2"}) == "set password of tamu\n"


def test_an_account_for_replication_and_a_slot_are_made_once(clean: Cluster) -> None:
    wanted = {"replication": {"tamu": CANARY}, "slots": ["drc_db1_standby"]}
    lines = "create role tamu\nset password of tamu\nlet tamu stream\nmake slot drc_db1_standby\n"
    try:
        assert ensure(clean, **wanted) == lines
        assert ensure(clean, **wanted) == ""
        assert (
            clean.sql("select rolreplication and not rolsuper from pg_roles where rolname = 'tamu'", "postgres") == "t"
        )
        slots = "select slot_name || slot_type || active from pg_replication_slots"
        assert clean.sql(slots, "postgres") == "drc_db1_standbyphysicalfalse"
    finally:
        clean.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots", "postgres")
        clean.sql("drop owned by tamu", "postgres")


def test_our_verifier_is_one_that_postgresql_accepts(clean: Cluster) -> None:
    ensure(clean, roles={"naskah": CANARY})
    try:
        connect = f"host=127.0.0.1 port={clean.port} user=naskah dbname=naskah sslmode=require"
        for password, code in ((CANARY, 0), ("wrong", 2)):
            done = subprocess.run(
                ["psql", "-w", connect, "-Atc", "select 1"],
                env={"PATH": "/usr/bin:/bin", "PGPASSWORD": password},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == code, done.stderr
    finally:
        from tests.integration.naskah.conftest import PASSWORD

        clean.sql(f"alter role naskah password '{PASSWORD}'", "postgres")

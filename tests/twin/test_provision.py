"""Provisioning on real machines: what a run leaves, what a second one does, what is refused, what never leaks."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.twin.conftest import ROOT, Twin

CHRONY = "/etc/chrony/chrony.conf"


def provision(twin: Twin, *words: str) -> tuple[int, dict[str, Any]]:
    done = twin.dcops("provision", *words, "-i", twin.inventory, "--json", timeout=600)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def hosts(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {host["name"]: host for host in document["hosts"]}


def test_a_second_run_changes_nothing_and_leaves_no_secret(twin: Twin) -> None:
    code, document = provision(twin, "run", "site", "--yes")
    assert (code, document["changed"]) == (0, 0), document
    assert len(document["hosts"]) == 14
    assert {host["status"] for host in document["hosts"]} == {"ok"}
    folder = twin.state / "runs" / document["run"]
    secrets = _secret_values(twin.folder / "secrets")
    assert len(secrets) >= 8
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "stdout" for path in kept)
    for path in [*kept, *(twin.state / "records").glob("journal.db*")]:
        data = path.read_bytes()
        assert not [name for name, value in secrets.items() if value in data], path


def _secret_values(folder: Path) -> dict[str, bytes]:
    """Name -> the telling part of each secret: a password whole, of a private key one line from its middle."""
    found = {}
    for path in folder.iterdir():
        if not path.is_file() or path.suffix in (".crt", ".pub") or path.name == "seed":
            continue
        lines = path.read_bytes().splitlines()
        found[path.name] = lines[len(lines) // 2]
    return found


def test_drift_is_found_by_check_and_mended_by_a_run(twin: Twin) -> None:
    before = twin.say("jkt-fac1", "cat", CHRONY)
    twin.say("jkt-fac1", "sh", "-c", f"echo '# by hand' >> {CHRONY}; systemctl stop snmpd; systemctl disable -q snmpd")
    code, document = provision(twin, "check", "site", "-l", "jkt-fac1")
    assert code == 4
    changes = hosts(document)["jkt-fac1"]["changes"]
    assert changes == [f"write {CHRONY}", "restart chrony.service", "enable snmpd.service", "start snmpd.service"]
    assert "# by hand" in twin.say("jkt-fac1", "cat", CHRONY)
    code, document = provision(twin, "run", "site", "-l", "jkt-fac1", "--yes")
    assert (code, document["changed"]) == (0, 2)
    assert twin.say("jkt-fac1", "cat", CHRONY) == before
    assert twin.say("jkt-fac1", "systemctl", "is-active", "snmpd") == "active"
    assert provision(twin, "check", "site", "-l", "jkt-fac1")[0] == 0


def test_a_file_written_by_a_run_that_was_killed_restarts_its_unit_at_the_next(twin: Twin) -> None:
    """The file is right already, only the restart was lost: a handler would never come again."""
    twin.say("jkt-fac1", "touch", CHRONY)
    code, document = provision(twin, "run", "site", "-l", "jkt-fac1", "--yes")
    assert (code, hosts(document)["jkt-fac1"]["changes"]) == (0, ["restart chrony.service"])


def test_a_dead_node_is_told_from_a_failed_one(twin: Twin) -> None:
    twin.lab("stop", "jkt-fac1")
    try:
        code, document = provision(twin, "check", "site", "-l", "jkt-fac1")
        assert (code, hosts(document)["jkt-fac1"]["status"]) == (5, "unreachable")
        code, document = provision(twin, "check", "site", "-l", "jkt-fac1,jkt-svc1")
        assert code == 6
        assert {name: host["status"] for name, host in hosts(document).items()} == {
            "jkt-fac1": "unreachable",
            "jkt-svc1": "ok",
        }
    finally:
        twin.lab("start", "jkt-fac1")


def test_a_pattern_or_playbook_that_names_nothing_is_wrong_usage(twin: Twin) -> None:
    for words in (("run", "site", "-l", "jkt-fax1", "--yes"), ("run", "sites", "--yes")):
        done = twin.dcops("provision", *words, "-i", twin.inventory)
        assert done.returncode == 2
        assert "Did you mean" in done.stderr
    refused = twin.dcops("provision", "run", "site")
    assert refused.returncode == 2
    assert "no default inventory" in refused.stderr


@pytest.fixture
def foreign(twin: Twin) -> Iterator[str]:
    """A node that says it belongs to another environment, as a copied disk or a wrong address would."""
    identity = "/etc/dcops/identity.json"
    twin.say(
        "jkt-svc1", "sh", "-c", f'cp -p {identity} /root/identity.kept; sed -i \'s/"twin"/"production"/\' {identity}'
    )
    yield "jkt-svc1"
    twin.say("jkt-svc1", "mv", "/root/identity.kept", identity)


def test_a_host_that_is_not_the_enrolled_one_stops_the_run_before_anything_is_touched(twin: Twin, foreign: str) -> None:
    twin.say("jkt-fac1", "sh", "-c", f"echo '# by hand' >> {CHRONY}")
    code, document = provision(twin, "run", "site", "-l", f"{foreign},jkt-fac1", "--yes")
    assert code == 7
    assert foreign in document["message"]
    assert twin.say("jkt-fac1", "tail", "-1", CHRONY) == "# by hand"
    assert provision(twin, "run", "site", "-l", "jkt-fac1", "--yes")[0] == 0


def test_an_interrupted_run_ends_with_130_and_leaves_no_process(twin: Twin) -> None:
    command = [
        sys.executable,
        "-m",
        "dcops",
        "provision",
        "run",
        "site",
        "-i",
        twin.inventory,
        "-l",
        "jkt-fac1",
        "--yes",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=twin.environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("play   Every server"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    time.sleep(0.5)
    assert _of_ansible(twin) == []
    latest = json.loads(twin.dcops("provision", "history", "-n", "1", "--json").stdout)["runs"][0]
    assert (latest["status"], latest["exit_code"]) == ("interrupted", 130)


def _of_ansible(twin: Twin) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (path / "environ").read_bytes()
        except OSError:
            continue
        if f"DCOPS_TWIN={twin.name}".encode() in environment and ("ansible" in line or "provision.worker" in line):
            found.append(line)
    return found


def test_the_application_serves_at_one_site_and_waits_at_the_other(twin: Twin) -> None:
    asked = twin.say("pdn-gw1", "curl", "-sS", "--cacert", "/etc/observer/service-ca.crt", "--resolve",
                     "naskah.pmk.test:8443:198.18.100.10", "https://naskah.pmk.test:8443/sehat")  # fmt: skip
    health = json.loads(asked)
    assert (health["status"], health["site"], health["database"]) == ("ok", "jkt", "ok")
    assert twin.run("drc-app1", "systemctl", "is-enabled", "naskah").stdout.strip() == "disabled"
    assert twin.run("drc-app1", "systemctl", "is-active", "naskah").stdout.strip() == "inactive"
    psql = ("runuser", "-u", "postgres", "--", "psql", "-Atc", "select datname from pg_database order by 1")
    assert "naskah" in twin.say("jkt-db1", *psql).split()
    assert "naskah" not in twin.say("drc-db1", *psql).split()


def test_the_stand_by_streams_and_an_old_primary_could_ask_it(twin: Twin) -> None:
    psql = ("runuser", "-u", "postgres", "--", "psql", "-Atc")
    streams = "select application_name, state from pg_stat_replication"
    assert twin.say("jkt-db1", *psql, streams).strip() == "drc_db1_standby|streaming"
    ssl = "select bool_and(ssl) from pg_stat_ssl join pg_stat_replication using (pid)"
    assert twin.say("jkt-db1", *psql, ssl).strip() == "t"
    listed = twin.say("drc-db1", "pg_lsclusters", "--no-header")
    assert [line.split()[1:4] for line in listed.splitlines()] == [
        ["restore", "5432", "online"],
        ["standby", "5433", "online,recovery"],
    ]
    follow = "primary_conninfo = '(.*) application_name"
    asked = f'sed -En "s/^{follow}.*/\\1/p" /etc/postgresql/17/main/postgresql.conf'
    recovery = f'psql "$({asked}) dbname=postgres" -Atc "select pg_is_in_recovery()"'
    assert twin.say("jkt-db1", "sh", "-c", recovery).strip() == "t"


def test_the_database_lets_in_who_it_should_and_nobody_else(twin: Twin) -> None:
    connect = "PGPASSFILE=/dev/null psql -w 'host=naskah-db.jkt.pmk.test user=naskah dbname=naskah {}' -c 'select 1'"
    stranger = twin.run("drc-app1", "sh", "-c", connect.format("sslmode=require"))
    assert "no pg_hba.conf entry" in stranger.stderr
    plain = twin.run("jkt-app1", "sh", "-c", connect.format("sslmode=disable"))
    assert "no pg_hba.conf entry" in plain.stderr
    trusted = twin.run("jkt-app1", "sh", "-c", connect.format("sslmode=verify-full sslrootcert=/etc/dcops/ca.crt"))
    assert "no password supplied" in trusted.stderr


def test_no_operations_server_can_delete_a_backup(twin: Twin) -> None:
    """Custody: append-only for both accounts, and no key of theirs opens the backup server."""
    for node, account in (("jkt-ops1", "jkt"), ("drc-ops1", "drc")):
        password = f"$(cat /var/lib/dcops/secrets/restic-http-{account})"
        ask = f"curl -s -o /dev/null -w '%{{http_code}}' --cacert /etc/dcops/ca.crt -u {account}:{password}"
        url = "https://backup.pmk.test:8000/trial-of-deletion"
        made = twin.say(node, "sh", "-c", f"{ask} -X POST '{url}/?create=true'")
        assert made == "200"
        name = hashlib.sha256(account.encode()).hexdigest()
        stored = twin.say(node, "sh", "-c", f"{ask} -X POST --data-binary {account} '{url}/data/{name}'")
        assert stored == "200"
        assert twin.say(node, "sh", "-c", f"{ask} -X DELETE '{url}/data/{name}'") == "403"
        login = twin.run(node, "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "drc-bkp1.drc.pmk.test", "true")
        assert login.returncode == 255
        assert "Permission denied" in login.stderr
        assert "retention" not in twin.say(node, "find", "/root", "/var/lib/dcops/secrets")
    twin.say("drc-bkp1", "rm", "-r", "/srv/restic/trial-of-deletion")


def test_names_and_time(twin: Twin) -> None:
    for node in ("jkt-app1", "drc-app1"):
        assert twin.say(node, "dig", "+short", "naskah.pmk.test", "gw1.pdn.test") == "198.18.100.10\n198.18.30.10"
        assert twin.say(node, "dig", "+short", "-x", "198.18.20.15") == "drc-bkp1.drc.pmk.test."
        assert "NXDOMAIN" in twin.say(node, "dig", "nothing.example")
        assert "^* 198.18." in twin.say(node, "chronyc", "-n", "sources")
    assert twin.say("pdn-gw1", "dig", "+short", "@127.0.0.1", "naskah.pmk.test") == "198.18.100.10"


def test_prometheus_sees_every_target(twin: Twin) -> None:
    applications = dict.fromkeys(("naskah", "absensi", "kearsipan", "penghubung"), 1)
    wanted = {"node": 10, "snmp": 5, "blackbox": 5, **applications, "dcops_exporter": 1, "dcops_api": 1}
    for node in ("jkt-ops1", "drc-ops1"):
        deadline = time.monotonic() + 60
        while (found := _targets(twin, node)) != wanted and time.monotonic() < deadline:
            time.sleep(2)
        assert found == wanted


def _targets(twin: Twin, node: str) -> dict[str, int]:
    said = json.loads(twin.say(node, "curl", "-s", "http://127.0.0.1:9090/api/v1/targets?state=active"))
    up = [t["scrapePool"] for t in said["data"]["activeTargets"] if t["health"] == "up"]
    return {pool: up.count(pool) for pool in up if pool not in ("prometheus", "alertmanager")}


def test_secrets_lie_where_only_root_reads_them_and_in_no_command_line(twin: Twin) -> None:
    found = twin.say(
        "jkt-ops1", "find", "/var/lib/dcops/secrets", "-type", "f", "-perm", "/077", "-not", "-name", "*.crt"
    )
    assert found == ""
    password = (twin.folder / "secrets/naskah-db-password").read_text().strip()
    for node in ("jkt-app1", "jkt-ops1", "jkt-db1"):
        assert password not in twin.say(
            node, "sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '"
        )
        assert password not in twin.say(node, "journalctl", "--no-pager", "-q", "-o", "cat")

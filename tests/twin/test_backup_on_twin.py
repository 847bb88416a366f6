"""Backups on real machines: jkt-ops1 dumps jkt-db1, mirrors jkt-app1 and stores at drc-bkp1, which forgets nothing."""

import json
from typing import Any

import pytest

from tests.twin.conftest import Twin

APP = "naskah_dinas_elektronik"
REPOSITORY = "/srv/restic"


def snapshots(twin: Twin) -> list[dict[str, Any]]:
    answer = twin.say("jkt-ops1", "dcops", "backup", "list", "--app", APP, "--json")
    found: list[dict[str, Any]] = json.loads(answer)["snapshots"]
    return found


def copy_inventory(twin: Twin, node: str) -> None:
    """Put the lab inventory at /root/other, calling itself another environment, where no calendar has hosts."""
    twin.say(node, "sh", "-c", "mkdir -p /root/other && cp -r /opt/dcops/src/inventory /root/other/")
    folder = "/root/other/inventory/lab"
    twin.say(node, "sed", "-i", "s/environment: twin/environment: scratch/", f"{folder}/inventory.yml")
    twin.say(node, "sh", "-c", f"echo 'calendar: {{}}' > {folder}/calendar.yml")


@pytest.fixture(scope="module")
def backup(twin: Twin) -> dict[str, Any]:
    done = twin.run("jkt-ops1", "dcops", "backup", "run", "--app", APP, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_backup_is_complete_and_has_its_receipt(twin: Twin, backup: dict[str, Any]) -> None:
    receipt = backup["receipt"]
    assert receipt["status"] == "done"
    assert receipt["dump_bytes"] > 200_000_000
    assert receipt["file_count"] >= 2000
    assert {part["part"] for part in snapshots(twin) if part["run"] == receipt["run"]} == {"dump", "files", "manifest"}
    asked = ("dcops", "records", "list", "--kind", "backup.receipt", "--json")
    found = json.loads(twin.say("jkt-ops1", *asked))
    records = found["records"] if isinstance(found, dict) else found
    assert receipt["manifest_sha256"] in {record["payload"]["manifest_sha256"] for record in records}
    assert twin.run("jkt-ops1", "dcops", "backup", "status", "--app", "naskah_dinas_elektronik").returncode == 0
    metrics = twin.say("jkt-ops1", "cat", "/var/lib/prometheus/node-exporter/dcops_backup.prom")
    assert f'dcops_backup_last_run_success{{app="{APP}"}} 1.0' in metrics


def test_the_set_comes_back_and_equals_its_manifest(twin: Twin, backup: dict[str, Any]) -> None:
    done = twin.run(
        "jkt-ops1",
        "dcops",
        "backup",
        "restore",
        "latest",
        "--app",
        "naskah_dinas_elektronik",
        "--to",
        "/root/restored",
        "--json",
    )
    try:
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["is_compared"]
        again = twin.run(
            "jkt-ops1",
            "dcops",
            "backup",
            "restore",
            "latest",
            "--app",
            "naskah_dinas_elektronik",
            "--to",
            "/root/restored",
        )
        assert again.returncode == 7
        assert "not an empty folder" in again.stderr
    finally:
        twin.say("jkt-ops1", "rm", "-rf", "/root/restored")


def test_stopped_postgresql_is_named_and_nothing_is_stored(twin: Twin, backup: dict[str, Any]) -> None:
    before = snapshots(twin)
    twin.say("jkt-db1", "systemctl", "stop", "postgresql@17-main")
    try:
        done = twin.run("jkt-ops1", "dcops", "backup", "run", "--app", APP, "--yes")
    finally:
        twin.say("jkt-db1", "systemctl", "start", "postgresql@17-main")
    assert done.returncode == 5
    assert "jkt-db1" in done.stderr
    assert "PostgreSQL does not answer" in done.stderr
    assert snapshots(twin) == before


def test_a_flipped_byte_is_found_by_reading_the_data(twin: Twin, backup: dict[str, Any]) -> None:
    """The server's own disk decays: no account of the ministry could have changed the pack."""
    pack = twin.say("drc-bkp1", "sh", "-c", f"ls -S {REPOSITORY}/jkt/data/*/* | head -n 1")
    flip = "import sys; f = open(sys.argv[1], 'r+b'); b = f.read(1); f.seek(0); f.write(bytes([b[0] ^ 255]))"
    twin.say("drc-bkp1", "python3", "-c", flip, pack)
    try:
        done = twin.run("jkt-ops1", "dcops", "backup", "check", "--app", APP, "--read-data")
        assert done.returncode == 13
        assert "damaged" in done.stderr
    finally:
        twin.say("drc-bkp1", "python3", "-c", flip, pack)
    assert twin.run("jkt-ops1", "dcops", "backup", "check", "--app", APP, "--read-data").returncode == 0


def test_no_account_of_production_can_delete(twin: Twin, backup: dict[str, Any]) -> None:
    before = snapshots(twin)
    script = (
        ". /dev/stdin; export RESTIC_PASSWORD_FILE=/var/lib/dcops/secrets/restic-password"
        " RESTIC_REPOSITORY=rest:https://drc-bkp1.drc.pmk.test:8000/jkt/ RESTIC_CACERT=/var/lib/dcops/secrets/ca.crt"
        " RESTIC_REST_USERNAME=jkt RESTIC_CACHE_DIR=/tmp/forget"
        ' RESTIC_REST_PASSWORD="$(cat /var/lib/dcops/secrets/restic-http-jkt)"; restic forget "$SNAPSHOT" --prune'
    )
    done = twin.run("jkt-ops1", "sh", "-c", script, input=f"SNAPSHOT={before[0]['id']}\n")
    assert done.returncode != 0
    assert snapshots(twin) == before


def test_a_host_that_is_not_enrolled_for_it_is_refused(twin: Twin, backup: dict[str, Any]) -> None:
    """The same inventory, calling itself another environment: nothing is dumped, nothing stored."""
    before = snapshots(twin)
    copy_inventory(twin, "jkt-ops1")
    try:
        done = twin.run("jkt-ops1", "dcops", "backup", "run", "-i", "/root/other/inventory/lab", "--app", APP, "--yes")
        assert done.returncode == 7, done.stderr
        assert "environment" in done.stderr or "belongs to" in done.stderr
        assert snapshots(twin) == before
    finally:
        twin.say("jkt-ops1", "rm", "-rf", "/root/other")


@pytest.mark.parametrize("node", ["jkt-ops1", "drc-ops1"])
def test_no_secret_is_in_journal_runs_or_metrics(twin: Twin, backup: dict[str, Any], node: str) -> None:
    for name in ("naskah-db-password", "restic-password", "restic-http-jkt", "restic-http-drc"):
        secret = (twin.folder / "secrets" / name).read_text().strip()
        places = ("/var/lib/dcops/records", "/var/lib/dcops/runs", "/var/lib/prometheus/node-exporter")
        found = twin.run(node, "sh", "-c", f"grep -rlF -f - {' '.join(places)}", input=secret + "\n")
        assert found.stdout == "", f"{name} is in {found.stdout}"

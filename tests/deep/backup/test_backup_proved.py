"""A copy on real machines: it comes back whole, its schedule is held to the objective, dead locks go and no others."""

import json
from typing import Any

import pytest

from tests.twin.conftest import Twin

pytestmark = [pytest.mark.deep, pytest.mark.twin]

OPERATIONS = "jkt-ops1"
APP = "naskah_dinas_elektronik"


def dcops(twin: Twin, *words: str, code: int = 0) -> dict[str, Any]:
    done = twin.run(OPERATIONS, "dcops", "backup", *words, "--json", timeout=300)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_set_loads_holds_its_invariants_and_is_wiped(twin: Twin, backup: dict[str, Any]) -> None:
    dcops(twin, "verify", "--app", APP, "--full")
    listed = twin.say(OPERATIONS, "dcops", "records", "list", "--kind", "backup.verification", "--json")
    records = json.loads(listed)
    newest = (records["records"] if isinstance(records, dict) else records)[0]["payload"]
    assert (newest["status"], newest["grade"], newest["wiped"]) == ("pass", "restored", True)
    assert newest["set_run"] == backup["receipt"]["run"]
    assert newest["files_checked"] == newest["files_total"] >= 2000
    assert newest["checked_bytes"] > 200_000_000
    assert newest["invariants_held"]
    assert not newest["invariants_broken"]
    assert twin.say(OPERATIONS, "sh", "-c", "ls -d /var/tmp/dcops-verify-* 2>/dev/null | wc -l") == "0"
    assert twin.run(OPERATIONS, "pgrep", "-u", "postgres").returncode == 1


def test_the_other_site_can_verify_with_its_own_account(twin: Twin, backup: dict[str, Any]) -> None:
    done = twin.run(
        "drc-ops1", "dcops", "backup", "verify", "--app", "naskah_dinas_elektronik", "--sample", "50", timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_what_is_due_is_taken_and_then_nothing_is(twin: Twin, backup: dict[str, Any]) -> None:
    dcops(twin, "run", "--due", "--yes")
    before = twin.say(OPERATIONS, "dcops", "records", "list", "--kind", "backup.receipt", "--json")
    dcops(twin, "run", "--due", "--check")
    dcops(twin, "plan", "--check")
    assert twin.say(OPERATIONS, "dcops", "records", "list", "--kind", "backup.receipt", "--json") == before


def test_no_lock_is_left_so_none_is_removed(twin: Twin, backup: dict[str, Any]) -> None:
    dcops(twin, "unlock", "--app", APP, "--stale", "--check")

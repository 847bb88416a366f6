"""A whole drill: it passes, measures what the observer measured, reports, and leaves everything as it was."""

import json
import re

import pytest

from tests.twin.conftest import ROOT, Twin
from tests.twin.test_drill_on_twin import DRILL, OPERATIONS, drill, state, without_power_cycle

BUNDLE, OBSERVER = "/root/naskah-db-loss.tar", "pdn-gw1"
pytestmark = [pytest.mark.deep, pytest.mark.twin]


def test_a_drill_passes_and_leaves_everything_as_it_was(ready: Twin) -> None:
    before, began = state(ready), ready.say("jkt-db1", "date", "+%s")
    code, result, said = drill(ready, "run", DRILL, "--yes", "--seed", "5")
    assert code == 0, (result.get("reasons"), said[-3000:])
    assert result["verdict"] == "PASS"
    assert result["is_rehearsal"]
    assert abs(result["rto_service_seconds"] - result["observer_rto_seconds"]) <= 1.0
    assert result["lost_acknowledged"] == result["observer_lost_acknowledged"]
    assert result["rto_verified_seconds"] < result["rto_target_seconds"]
    assert result["restored_bytes"] > 200_000_000
    controls = [step for step in result["steps"] if step["phase"] == "controls"]
    assert [step["state"] for step in controls] == ["ok"] * 5
    assert without_power_cycle(state(ready)) == without_power_cycle(before)
    check_that_only_its_own_key_was_used(ready, began)
    text = ready.say(OPERATIONS, "dcops", "drill", "report", result["run"][-8:], "--html", "/root/report.html")
    assert "GLADI / REHEARSAL" in text
    page = ready.say(OPERATIONS, "cat", "/root/report.html")
    assert "GLADI / REHEARSAL" in page
    assert "<svg" in page
    assert result["run"] in ready.say(OPERATIONS, "dcops", "drill", "history")
    built = ready.say(OPERATIONS, "dcops", "drill", "evidence", "build", result["run"], "--out", BUNDLE, "--json")
    assert (json.loads(built)["verdict"], json.loads(built)["is_rehearsal"]) == ("PASS", True)
    check_elsewhere(ready)


def check_that_only_its_own_key_was_used(twin: Twin, began: str) -> None:
    """Each session of the drill came from the recovery site's operations server, with the key of that server."""
    address = twin.say(OPERATIONS, "sh", "-c", "ip -4 -o address show lan0 | tr -s ' /' ' ' | cut -d' ' -f4")
    own = twin.say(OPERATIONS, "ssh-keygen", "-lf", "/root/.ssh/id_ed25519.pub").split()[1]
    tests = "198.19.0.1"  # the management bridge, by which this test looks; no node routes over it
    for node in ("jkt-db1", "drc-db1", "drc-app1"):
        log = twin.say(node, "journalctl", "_COMM=sshd", "_COMM=sshd-session", "-o", "cat", "--since", f"@{began}")
        seen = re.findall(r"Accepted publickey for \S+ from (\S+) .* (SHA256:\S+)", log)
        assert {each for each in seen if each[0] != tests} == {(address, own)}, node
    held = twin.say(OPERATIONS, "ls", "/var/lib/dcops/secrets").split()
    assert held
    assert not [name for name in held if name.endswith("-jkt") or "retention" in name]


def check_elsewhere(twin: Twin) -> None:
    """Check the bundle at the national side, which knows none of our journals, with the public key alone."""
    key_id = json.loads(twin.say(OPERATIONS, "dcops", "records", "keygen", "--json"))["key_id"]
    twin.say(OPERATIONS, "dcops", "records", "export", "--out", "/root/exported")
    public = twin.say(OPERATIONS, "cat", f"/root/exported/keys/{key_id}.pem")
    put(twin, "/root/public.pem", public + "\n")
    put(twin, "/root/verify-evidence.sh", (ROOT / "docs" / "verify-evidence.sh").read_text())
    bundle = twin.say(OPERATIONS, "base64", "-w0", BUNDLE)
    for check in (
        ("dcops", "drill", "evidence", "verify", BUNDLE, "--key", "/root/public.pem"),
        ("sh", "/root/verify-evidence.sh", BUNDLE, "/root/public.pem"),
    ):
        put(twin, f"{BUNDLE}.base64", bundle)
        twin.say(OBSERVER, "sh", "-c", f"base64 -d {BUNDLE}.base64 >{BUNDLE}")
        done = twin.run(OBSERVER, *check)
        assert done.returncode == 31, done.stdout + done.stderr
        twin.say(OBSERVER, "sh", "-c", f"printf X | dd of={BUNDLE} bs=1 seek=700 conv=notrunc status=none")
        assert twin.run(OBSERVER, *check).returncode == 30


def put(twin: Twin, path: str, text: str) -> None:
    done = twin.run(OBSERVER, "sh", "-c", f"cat >{path}", input=text)
    assert done.returncode == 0, done.stderr

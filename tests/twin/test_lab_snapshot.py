"""A kept twin comes back as it was, keys and identities included; and only while it matches."""

import json
import shutil
from pathlib import Path

import pytest

from tests.twin.conftest import MINI, MINI_1, MINI_2, Twin


def test_a_snapshot_brings_disks_and_keys_back(image: None, tmp_path: Path) -> None:
    folder = tmp_path / "inventory" / "kept"
    shutil.copytree(MINI, folder)
    text = (folder / "inventory.yml").read_text().replace("name: mini", "name: kept")
    (folder / "inventory.yml").write_text(text)
    first, second = Twin(MINI_1, str(folder)), Twin(MINI_2, str(folder))
    for each in (first, second):
        each.lab("down", "--purge")
    try:
        assert first.up("--from-snapshot")["restored"] is None
        first.say("aaa-ops1", "sh", "-c", "echo kept > /root/mark; systemctl enable --now chrony")
        machine_id = first.say("aaa-ops1", "cat", "/etc/machine-id")
        made = json.loads(first.lab("snapshot", "-i", str(folder), "--json", timeout=600).stdout)
        assert made["taken"] is True
        assert first.say("aaa-ops1", "cat", "/root/mark") == "kept"
        again = json.loads(first.lab("snapshot", "-i", str(folder), "--json").stdout)
        assert again == {"snapshot": made["snapshot"], "taken": False}
        found = second.up("--from-snapshot")
        assert found["restored"] == made["snapshot"]
        assert second.say("aaa-ops1", "cat", "/root/mark") == "kept"
        assert second.say("aaa-ops1", "cat", "/etc/machine-id") == machine_id
        assert second.say("aaa-ops1", "systemctl", "is-active", "chrony") == "active"
        second.say("aaa-ops1", "sh", "-c", "echo changed > /root/mark")
        assert second.up("--from-snapshot")["restored"] is None
        assert second.say("aaa-ops1", "cat", "/root/mark") == "changed"
        second.lab("down")
        (folder / "inventory.yml").write_text(text.replace("Two routers", "Two big routers"))
        assert second.up("--from-snapshot")["restored"] is None
        assert second.run("aaa-ops1", "test", "-e", "/root/mark").returncode == 1
    finally:
        for each in (first, second):
            each.lab("down", "--purge")
        for path in (first.state / "lab" / "snapshots").glob("kept-*"):
            shutil.rmtree(path)


@pytest.mark.parametrize("verb", ["up", "down", "status", "build", "snapshot", "stop jkt-db1", "exec jkt-db1 -- true"])
def test_without_root_there_is_one_clear_line(image: None, verb: str) -> None:
    import subprocess
    import sys

    from tests.twin.conftest import ROOT

    # root's own files stay readable, the rest of root's rights are gone
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    drop += [f"--{each}=-all,+dac_read_search" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    words = [*drop, sys.executable, "-B", "-m", "dcops", "lab", *verb.split()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == "dcops: the twin needs root. Run it with sudo."
    assert "Traceback" not in done.stderr

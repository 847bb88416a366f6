"""The module of the playbooks, run as Ansible runs it: a process with its arguments in JSON. Units are a recorded fake.

systemd is what a test machine may lack; `systemctl` here is a small program that keeps its state in a file. The twin's
tests have the real one.
"""

import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[3] / "playbooks/library/node_state.py"
ME, MINE = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
SYSTEMCTL = """\
#!{python}
import json, sys, time
from datetime import datetime, timezone
path, words = {state!r}, sys.argv[1:]
state = json.load(open(path))
state["calls"].append(" ".join(words))
if words[0] == "show":
    for name in words[words.index("--") + 1:]:
        unit = state["units"][name]
        when = datetime.fromtimestamp(unit["started"], timezone.utc).strftime("%a %Y-%m-%d %H:%M:%S.%f UTC")
        print(f"Id={{name}}\\nLoadState=loaded\\nActiveState={{unit['active']}}")
        print(f"SubState={{unit.get('sub', 'running')}}")
        print(f"NeedDaemonReload={{unit.get('stale', 'no')}}")
        print(f"UnitFileState={{unit['file']}}\\nActiveEnterTimestamp={{when}}\\n")
elif words[0] in ("start", "restart"):
    state["units"][words[1]].update(active="active", sub="running", started=time.time())
elif words[0] == "stop":
    state["units"][words[1]]["active"] = "inactive"
elif words[0] in ("enable", "disable"):
    state["units"][words[1]]["file"] = words[0] + "d"
elif words[0] == "daemon-reload":
    for unit in state["units"].values():
        unit["stale"] = "no"
json.dump(state, open(path, "w"))
"""


class Node:
    """A folder that plays the node."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state.json"
        (folder / "bin").mkdir()
        program = folder / "bin/systemctl"
        program.write_text(SYSTEMCTL.format(python=sys.executable, state=str(self.state)))
        program.chmod(0o755)
        self.units()

    def units(self, **units: dict[str, Any]) -> None:
        self.state.write_text(json.dumps({"calls": [], "units": units}))

    def calls(self) -> list[str]:
        return [call for call in json.loads(self.state.read_text())["calls"] if not call.startswith("show")]

    def file(self, name: str, content: str = "a\n", **changes: Any) -> dict[str, Any]:
        return {"path": str(self.folder / name), "content": content, "owner": ME, "group": MINE, **changes}

    def apply(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        (self.folder / "arguments").write_text(
            json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}})
        )
        done = subprocess.run(
            [sys.executable, str(MODULE), str(self.folder / "arguments")],
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_files_folders_links_and_absent_reach_their_state_once(node: Node) -> None:
    (node.folder / "old").write_text("x")
    arguments = {
        "directories": [{"path": str(node.folder / "d"), "mode": "0750", "owner": ME, "group": MINE}],
        "files": [node.file("d/f", mode="0640")],
        "links": [{"path": str(node.folder / "l"), "target": "d/f"}],
        "absent": [str(node.folder / "old")],
    }
    checked = node.apply(check=True, **arguments)
    assert checked["changed"]
    assert not (node.folder / "d").exists()
    first = node.apply(**arguments)
    assert first["changes"] == [
        f"make folder {node.folder / 'd'}",
        f"set {node.folder / 'd'} to 0750 {ME}:{MINE}",
        f"write {node.folder / 'd/f'}",
        f"remove {node.folder / 'old'}",
        f"link {node.folder / 'l'} to d/f",
    ]
    assert (node.folder / "d/f").stat().st_mode & 0o777 == 0o640
    assert (node.folder / "l").read_text() == "a\n"
    again = node.apply(**arguments)
    assert (again["changed"], again["changes"], again["diff"]) == (False, [], [])
    (node.folder / "d/f").chmod(0o777)
    assert node.apply(**arguments)["changes"] == [f"set {node.folder / 'd/f'} to 0640 {ME}:{MINE}"]


def test_a_file_of_once_keeps_what_a_program_made_of_it(node: Node) -> None:
    file = node.file("zone", "begin\n", once=True)
    assert node.apply(files=[file])["changed"]
    (node.folder / "zone").write_text("moved\n")
    assert not node.apply(files=[file])["changed"]
    assert (node.folder / "zone").read_text() == "moved\n"


def test_a_file_its_program_refuses_is_not_put_in_place(node: Node) -> None:
    node.apply(files=[node.file("f", "good\n")])
    refused = node.apply(files=[node.file("f", "bad\n", validate="grep -q good %s")])
    assert refused["failed"]
    assert f"{node.folder / 'f'} is refused by grep" in refused["msg"]
    assert (node.folder / "f").read_text() == "good\n"
    assert [path.name for path in node.folder.glob(".node_state-*")] == []


def test_a_secret_is_in_no_answer(node: Node) -> None:
    found = node.apply(secrets=[node.file("s", "canary-content\n")])
    assert found["changes"] == [f"write {node.folder / 's'}"]
    assert "canary-content" not in json.dumps(found)
    assert (node.folder / "s").stat().st_mode & 0o777 == 0o600


UNIT = {"name": "x.service", "enabled": True, "running": True}


def test_a_unit_is_enabled_started_and_then_left_alone(node: Node) -> None:
    node.units(**{"x.service": {"active": "inactive", "file": "disabled", "started": 0}})
    assert node.apply(check=True, units=[UNIT])["changes"] == ["enable x.service", "start x.service"]
    assert node.calls() == []
    assert node.apply(units=[UNIT])["changes"] == ["enable x.service", "start x.service"]
    assert node.apply(units=[UNIT])["changed"] is False


def test_a_unit_is_restarted_when_a_watched_file_is_newer_than_its_start(node: Node) -> None:
    node.units(**{"x.service": {"active": "active", "file": "enabled", "started": 1000}})
    watching = {**UNIT, "watches": [str(node.folder / "f")]}
    (node.folder / "f").write_text("a\n")
    os.utime(node.folder / "f", (500, 500))
    assert node.apply(files=[node.file("f")], units=[watching])["changed"] is False
    os.utime(node.folder / "f", (2000, 2000))
    assert node.apply(files=[node.file("f")], units=[watching])["changes"] == ["restart x.service"]
    assert node.apply(files=[node.file("f")], units=[watching])["changed"] is False
    changed = node.apply(files=[node.file("f", "b\n")], units=[watching])
    assert changed["changes"] == [f"write {node.folder / 'f'}", "restart x.service"]


def test_what_a_killed_run_left_behind_is_made_good(node: Node) -> None:
    node.units(**{"x.service": {"active": "active", "file": "enabled", "started": 1000, "stale": "yes"}})
    (node.folder / "unit").write_text("the new definition")
    (node.folder / "l.node_state").symlink_to("half a link")
    link, watching = {"path": str(node.folder / "l"), "target": "d/f"}, {**UNIT, "watches": [str(node.folder / "unit")]}
    node.apply(check=True, links=[link], units=[watching])
    assert node.calls() == []
    assert node.apply(links=[link], units=[watching])["changes"] == [
        f"link {node.folder / 'l'} to d/f",
        "restart x.service",
    ]
    assert node.calls() == ["daemon-reload", "restart x.service"]
    assert not (node.folder / "l.node_state").is_symlink()


def test_a_unit_that_is_restarted_again_and_again_does_not_count_as_running(node: Node) -> None:
    node.units(**{"x.service": {"active": "activating", "sub": "auto-restart", "file": "enabled", "started": 0}})
    assert node.apply(units=[UNIT])["changes"] == ["start x.service"]


def test_a_unit_is_stopped_and_disabled(node: Node) -> None:
    node.units(**{"x.service": {"active": "active", "file": "enabled", "started": 0}})
    off = {"name": "x.service", "enabled": False, "running": False}
    assert node.apply(units=[off])["changes"] == ["disable x.service", "stop x.service"]


SCRIPT = "import json, sys; print(sys.argv[1], json.load(sys.stdin)['word'][:2])"


def test_a_script_says_what_it_changed_and_its_input_stays_hidden(node: Node) -> None:
    script = {"program": SCRIPT, "input": {"word": "canary-input"}}
    assert node.apply(scripts=[script])["changes"] == ["--apply ca"]
    checked = node.apply(check=True, scripts=[script])
    assert checked["changes"] == ["--check ca"]
    assert "canary-input" not in json.dumps(checked)
    failed = node.apply(scripts=[{"program": "raise SystemExit('no such thing')"}])
    assert (failed["failed"], failed["msg"]) == (True, "script: no such thing")

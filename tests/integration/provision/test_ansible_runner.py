"""Real playbooks by real ansible-runner, on this machine only (connection: local, and a closed port of loopback)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcops.core.clock import utc_now
from dcops.core.exitcodes import ExitCode
from dcops.inventory.pattern import Universe
from dcops.provision.ansible_runner import AnsibleRunner
from dcops.provision.model import Conclusion, HostStatus, Job, Playbook
from dcops.provision.service import run_playbook
from dcops.records.sign import SigningKey
from dcops.runs.identity import issue_identity, save_identity

REPOSITORY = Path(__file__).parents[3]
PLAYBOOKS = REPOSITORY / "playbooks"
CANARY = "canary-secret-7d1e"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
OURS = {"dcops_environment": "twin", "dcops_inventory": "lab"}
CLOSED = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_python_interpreter": sys.executable}


def make_job(folder: Path, tasks: str, hosts: dict[str, dict[str, Any]] | None = None, **changes: Any) -> Job:
    hosts = hosts or {"a": LOCAL, "b": LOCAL}
    script = folder / "hosts"
    listing = {"all": {"hosts": list(hosts)}, "_meta": {"hostvars": hosts}}
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(listing)}\nEND\n")
    script.chmod(0o755)
    book = folder / "book.yml"
    book.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    (folder / "library").symlink_to(PLAYBOOKS / "library")
    return Job(Playbook("book", book, ""), script, folder / "run", folder, **changes)


def execute(job: Job, guard: Path | None = None, cancelled: Any = lambda: False) -> Conclusion:
    universe = Universe(("a", "b"), {"all": ("a", "b")})
    runner = AnsibleRunner(PLAYBOOKS / "ansible.cfg", guard)
    return run_playbook(job, universe, runner, runner, lambda event: None, cancelled)


FILES = """\
    - name: Place files
      node_state:
        files:
          - {path: "{{ target }}/{{ inventory_hostname }}", content: "hello\\n", owner: "{{ me }}", group: "{{ mine }}"}
        secrets:
          - path: "{{ target }}/{{ inventory_hostname }}.secret"
            content: "SECRET"
            owner: "{{ me }}"
            group: "{{ mine }}"
"""


def files_job(folder: Path, **changes: Any) -> Job:
    import grp
    import pwd

    (folder / "target").mkdir(exist_ok=True)
    (folder / "secret").write_text(CANARY + "\n")
    names = {"me": pwd.getpwuid(os.geteuid()).pw_name, "mine": grp.getgrgid(os.getegid()).gr_name}
    tasks = FILES.replace(
        "SECRET", "{{ lookup('ansible.builtin.file', lookup('env', 'DCOPS_SECRETS') ~ '/secret') }}\\n"
    )
    variables = {**LOCAL, **names, "target": str(folder / "target")}
    return make_job(folder, tasks, {"a": variables, "b": variables}, **changes)


def test_check_apply_and_again(tmp_path: Path) -> None:
    job = files_job(tmp_path, is_check=True, is_diff=True)
    checked = execute(job)
    assert checked.exit_code is ExitCode.DIFFERENCES, checked
    assert list((tmp_path / "target").iterdir()) == []
    applied = execute(replace(job, is_check=False, folder=tmp_path / "run2"))
    assert (applied.exit_code, applied.changed) == (ExitCode.DONE, 2)
    target = tmp_path / "target"
    assert (target / "a").read_text() == "hello\n"
    assert applied.hosts[0].changes == (f"write {target / 'a'}", f"write {target / 'a.secret'}")
    assert (target / "a.secret").read_text() == CANARY + "\n"
    assert (target / "a.secret").stat().st_mode & 0o777 == 0o600
    again = execute(replace(job, is_check=False, folder=tmp_path / "run3"))
    assert (again.exit_code, again.changed) == (ExitCode.DONE, 0)
    (target / "b").write_text("hello, drift\n")
    drifted = execute(replace(job, folder=tmp_path / "run4"))
    assert (drifted.exit_code, drifted.message) == (ExitCode.DIFFERENCES, "1 of 2 hosts differ: b")
    for run in ("run", "run2", "run3", "run4"):
        _assert_no_canary(tmp_path / run)


def _assert_no_canary(folder: Path) -> None:
    """No file Ansible left, with contents or names, holds the secret; the environment is kept nowhere."""
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert kept, "the run should leave what Ansible printed"
    for path in kept:
        assert CANARY not in path.read_text(errors="replace"), path
    assert not (folder / "artifacts/run/command").exists()
    assert not list(folder.rglob("job_events/*"))


def test_a_secret_in_a_failing_task_stays_hidden(tmp_path: Path) -> None:
    job = files_job(tmp_path)
    (tmp_path / "target").rmdir()
    (tmp_path / "target").write_text("a file where the folder should be")
    found = execute(job)
    assert found.exit_code is ExitCode.FAILED
    assert CANARY not in repr(found)
    _assert_no_canary(tmp_path / "run")


def test_one_unreachable_host_does_not_stop_the_other(tmp_path: Path) -> None:
    job = make_job(tmp_path, "    - ansible.builtin.command: {cmd: 'true'}\n", {"a": LOCAL, "b": CLOSED})
    found = execute(job)
    assert found.exit_code is ExitCode.PARTLY_APPLIED
    assert [host.status for host in found.hosts] == [HostStatus.CHANGED, HostStatus.UNREACHABLE]
    assert "Connection refused" in found.hosts[1].failures[0]


def test_all_unreachable(tmp_path: Path) -> None:
    job = make_job(tmp_path, "    - ansible.builtin.ping:\n", {"a": CLOSED, "b": CLOSED})
    assert execute(job).exit_code is ExitCode.UNREACHABLE


def test_a_failing_task(tmp_path: Path) -> None:
    tasks = "    - name: Break\n      ansible.builtin.command: {cmd: sh -c 'echo no disk >&2; exit 3'}\n"
    found = execute(make_job(tmp_path, tasks))
    assert found.exit_code is ExitCode.FAILED
    (said,) = found.hosts[0].failures  # the words between differ from one ansible-core to the next
    assert said.startswith("Break: ")
    assert "non-zero return code" in said
    assert said.endswith(": no disk")


def test_a_broken_playbook_is_a_failure_that_says_why(tmp_path: Path) -> None:
    found = execute(make_job(tmp_path, "    - ansible.builtin.no_such_module: {}\n"))
    assert found.exit_code is ExitCode.FAILED
    assert "no_such_module" in found.message


def test_an_inventory_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    job = make_job(tmp_path, "    - ansible.builtin.ping:\n")
    job.inventory.unlink()
    assert execute(job).exit_code is not ExitCode.DONE


def test_the_limit_is_kept(tmp_path: Path) -> None:
    found = execute(make_job(tmp_path, "    - ansible.builtin.ping:\n", limit="b"))
    assert (found.exit_code, [host.name for host in found.hosts]) == (ExitCode.DONE, ["b"])


@pytest.mark.skipif(Path("/etc/dcops/identity.json").exists(), reason="this host is enrolled")
def test_the_guard_refuses_a_host_that_is_not_enrolled_and_nothing_is_touched(tmp_path: Path) -> None:
    touch = f"    - ansible.builtin.command: {{cmd: touch {tmp_path}/touched}}\n"
    job = make_job(tmp_path, touch, {"a": {**LOCAL, **OURS}, "b": {**LOCAL, **OURS}})
    found = execute(job, guard=PLAYBOOKS / "guards/identity.yml")
    assert found.exit_code is ExitCode.REFUSED
    assert found.message.endswith("nothing was touched: a: it has no identity; b: it has no identity")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("key", "machine_id", "why"),
    [
        ("ours", "1" * 32, ""),
        ("another", "1" * 32, "not signed by the enrolling key"),
        ("ours", "2" * 32, "issued for another machine"),
    ],
)
def test_the_guard_verifies_signature_and_machine(tmp_path: Path, key: str, machine_id: str, why: str) -> None:
    """The shell of this run finds another /etc: an identity, its machine-id. The first host cannot be reached."""
    keys = {"ours": SigningKey.generate(), "another": SigningKey.generate()}
    identity = issue_identity(
        keys[key], environment="twin", site="jkt", inventory="lab", node="a", machine_id="1" * 32, at=utc_now()
    )
    etc = tmp_path / "etc"
    save_identity(etc / "dcops/identity.json", identity, keys[key].public)
    (etc / "machine-id").write_text(machine_id + "\n")
    shell = tmp_path / "shell"
    shell.write_text(f'#!/bin/sh\nexec sh -c "$(printf %s "$2" | sed "s#/etc/#{etc}/#g")"\n')
    shell.chmod(0o755)
    hosts = {"b": {**CLOSED, **OURS}, "a": {**LOCAL, **OURS}}
    touch = f"    - ansible.builtin.raw: touch {tmp_path}/touched\n"
    environ = {"ANSIBLE_EXECUTABLE": str(shell)}
    job = make_job(tmp_path, touch, hosts, environ=environ, issuer=keys["ours"].public.pem)
    found = execute(job, guard=PLAYBOOKS / "guards/identity.yml")
    assert found.exit_code is (ExitCode.REFUSED if why else ExitCode.PARTLY_APPLIED), found
    assert (tmp_path / "touched").exists() == (not why)
    assert why in found.message
    assert "it has no identity" not in found.message


def test_behind_the_guard_an_unreachable_host_stops_no_other(tmp_path: Path) -> None:
    """Needs no enrolled host: both are unreachable, and both are reported by the play behind, as such."""
    job = make_job(tmp_path, "    - ansible.builtin.ping:\n", {"a": {**CLOSED, **OURS}, "b": {**CLOSED, **OURS}})
    found = execute(job, guard=PLAYBOOKS / "guards/identity.yml")
    assert found.exit_code is ExitCode.UNREACHABLE
    assert [host.unreachable for host in found.hosts] == [1, 1]


def _running(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in text and "pytest" not in text:
            found.append(text)
    return found


def _wait(wanted: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# A task that detaches itself from everything, as a daemon started by a careless playbook would.
DETACHED = "    - ansible.builtin.shell: setsid nohup sleep {0} >/dev/null 2>&1 & sleep {0}\n"


def test_a_cancelled_run_leaves_no_process(tmp_path: Path) -> None:
    job = make_job(tmp_path, DETACHED.format("311.25"), {"a": LOCAL})
    stop = threading.Event()

    def cancel_when_running() -> None:
        _wait(lambda: len(_running("sleep 311.25")) >= 2)
        stop.set()

    thread = threading.Thread(target=cancel_when_running)
    thread.start()
    began = time.monotonic()
    found = execute(job, cancelled=stop.is_set)
    thread.join()
    assert found.exit_code is ExitCode.INTERRUPTED
    assert time.monotonic() - began < 30
    assert _running("sleep 311.25") == []
    assert _running(str(tmp_path / "run")) == []


def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    job = make_job(tmp_path, DETACHED.format("312.25"), {"a": LOCAL})
    code = (
        "from pathlib import Path\n"
        "from dcops.provision.model import Job, Playbook\n"
        "from dcops.provision.ansible_runner import AnsibleRunner\n"
        f"job = Job(Playbook('book', Path({str(job.playbook.path)!r}), ''), Path({str(job.inventory)!r}),"
        f" Path({str(job.folder)!r}), Path({str(job.secrets)!r}))\n"
        f"AnsibleRunner(Path({str(PLAYBOOKS / 'ansible.cfg')!r}), None).apply(job, print, lambda: False)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    _wait(lambda: len(_running("sleep 312.25")) >= 2)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    _wait(lambda: not _running("sleep 312.25") and not _running(str(tmp_path / "run")), 15)

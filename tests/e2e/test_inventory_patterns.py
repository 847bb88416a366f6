"""Our patterns choose the hosts that the real Ansible chooses, in its order."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dcops.core.errors import UsageError
from dcops.inventory import load
from dcops.inventory.ansible import universe
from dcops.inventory.pattern import select

HOME = Path(__file__).resolve().parents[2]
LAB = HOME / "inventory" / "lab"
BIN = Path(sys.executable).parent

PATTERNS = """
all
*
jkt
drc
jkt-db1
router
database:application
database,application
application,database
jkt:&server
server:&jkt
&jkt:server
server:!jkt
!jkt:server
!jkt
&jkt
!jkt,&server
jkt:drc:!router
jkt:drc:&server:!operations
server:&naskah_dinas_elektronik:!jkt-db1
jkt-db1:!jkt
jkt:!jkt-db1
jkt:!jkt-*
jkt-*
*-rtr1
jkt-rtr?
jkt-rtr[12]
drc-[a-b]*
j*
*t*
r*
d*
da*
a*
u*
twin:!d*
~jkt-(db|app)1
~.*-rtr[0-9]
~jkt|drc-db1
~(jkt|drc)-o
!~jkt.*
server:!~jkt-.*
server[0]
server[1]
server[-1]
server[-3]
server[0:2]
server[2:4]
server[3:]
server[0:0]
server[5:1]
server[2:0]
server[7:99]
jkt-*[0]
jkt-*[2:3]
d*[0:3]
jkt[0:1],drc[0:1]
server[0:4]:!server[1]
router:&jkt[0:3]
jkt-rtr1,jkt-db1,jkt-rtr1
drc-db1:jkt-db1:drc-db1
 jkt , drc-db1
jkt,,drc-db1
jkt-db1,drc:&server
nothing-here
jkt:nothing-here
nothing-here,jkt-db1
jkt:&nothing-here
jkt-db1:22
frr:debian13
facility
ungrouped
all:!all
all:!router:!facility
twin:&frr
jkt-db1:drc-db1:&drc
!jkt-db1
&jkt-db1
backup:operations:base
jkt-app1.jkt
198.18.10.11
~
""".strip("\n").splitlines()  # fmt: skip


def ours(pattern: str) -> list[str]:
    return list(select(pattern, universe(load(LAB))))


def environment(tmp_path: Path) -> dict[str, str]:
    # The checkout's own ansible.cfg, or a user's, must not decide here.
    (tmp_path / "ansible.cfg").touch()
    return {
        "PATH": f"{BIN}:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_FORKS": "1",
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
    }


@pytest.fixture(scope="module")
def chosen_by_ansible(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Ask one Ansible process: one play a pattern, each tells which hosts it has, in order."""
    folder = tmp_path_factory.mktemp("ansible")
    plays = [
        {
            "name": f"number {index}",
            "hosts": pattern,
            "gather_facts": False,
            "tasks": [
                {
                    "ansible.builtin.debug": {"msg": f"<{index}|{{{{ ansible_play_hosts_all | join(' ') }}}}>"},
                    "run_once": True,
                }
            ],
        }
        for index, pattern in enumerate(PATTERNS)
    ]
    (folder / "patterns.yml").write_text(json.dumps(plays))
    done = subprocess.run(
        [BIN / "ansible-playbook", "-i", LAB / "hosts", folder / "patterns.yml"],
        env=environment(folder), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, list[str]] = {pattern: [] for pattern in PATTERNS}
    for number, hosts in re.findall(r"<(\d+)\|([^>]*)>", done.stdout):
        found[PATTERNS[int(number)]] = hosts.split()
    return found


@pytest.mark.parametrize("pattern", PATTERNS)
def test_we_choose_what_ansible_chooses(pattern: str, chosen_by_ansible: dict[str, list[str]]) -> None:
    assert ours(pattern) == chosen_by_ansible[pattern]


def test_most_patterns_choose_something(chosen_by_ansible: dict[str, list[str]]) -> None:
    """Guards the test itself: a parser of the output that finds nothing would agree with nothing."""
    assert sum(bool(hosts) for hosts in chosen_by_ansible.values()) > 60
    assert len(chosen_by_ansible["all"]) == 14


@pytest.mark.parametrize("pattern", ["database:&drc", "server:!~jkt-.*", "jkt-*[2:3]", "a*"])
def test_list_hosts_agrees(pattern: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "ansible", "-i", LAB / "hosts", "--list-hosts", pattern],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    listed = [line.strip() for line in done.stdout.splitlines()[1:]]
    assert ours(pattern) == listed


@pytest.mark.parametrize("pattern", ["server[99]", "~(unclosed"])
def test_where_ansible_finds_nothing_by_mistake_we_say_why(pattern: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "ansible", "-i", LAB / "hosts", "--list-hosts", pattern],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "hosts (0)" in done.stdout
    with pytest.raises(UsageError, match=r"only 9|regular expression"):
        ours(pattern)

"""`dcops inventory` as a process: results, exit codes, JSON."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]


def run(*arguments: str, home: Path = HOME) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(HOME), "DCOPS_HOME": str(home),
        "DCOPS_IDENTITY": "/nonexistent/identity.json", "DCOPS_STATE": "/nonexistent/state",
    }  # fmt: skip
    argv = [sys.executable, "-m", "dcops", "inventory", *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def broken_home(tmp_path: Path) -> Path:
    shutil.copytree(HOME / "inventory", tmp_path / "inventory")
    with (tmp_path / "inventory" / "lab" / "devices" / "jkt.yml").open("a") as file:
        file.write("  jkt-new: {kind: server, site: jkt, seriall: X}\n  jkt-two: {kind: server, site: jakarta}\n")
    return tmp_path


def test_validate_all() -> None:
    done = run("validate", "--all")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("lab: valid. Environment twin, revision ")
    assert "\nproduction: valid. Environment production, revision " in done.stdout


def test_validate_reports_everything_with_file_and_line(broken_home: Path) -> None:
    lines = (broken_home / "inventory" / "lab" / "devices" / "jkt.yml").read_text().splitlines()
    first = len(lines) - 1
    done = run("validate", "-i", "lab", home=broken_home)
    assert done.returncode == 3
    assert done.stdout == ""
    place = "inventory/lab/devices/jkt.yml"
    wanted = [
        f'{place}:{first}: devices.jkt-new.seriall: unknown key "seriall". Did you mean "serial"?',
        f'{place}:{first + 1}: devices.jkt-two.site: "jakarta" is not in sites. Did you mean "jkt"?',
    ]  # fmt: skip
    for line in wanted:
        assert line in done.stderr
    assert done.stderr.rstrip().endswith("2 problems found")


def test_validate_as_json_lists_problems(broken_home: Path) -> None:
    done = run("validate", "-i", "lab", "--json", home=broken_home)
    assert done.returncode == 3
    problems = json.loads(done.stdout)["error"]["problems"]
    assert [problem["path"] for problem in problems] == ["devices.jkt-new.seriall", "devices.jkt-two.site"]


def test_list_chooses_by_pattern_in_order() -> None:
    done = run("list", "database,jkt-ops1:&jkt", "--json")
    assert [device["name"] for device in json.loads(done.stdout)] == ["drc-db1", "jkt-db1"]
    done = run("list", "router:&jkt")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["name", "jkt-rtr1", "jkt-rtr2"]


def test_list_leaves_out_the_national_side_unless_asked() -> None:
    assert "pdn-gw1" not in run("list").stdout
    assert "pdn-gw1" in run("list", "--everything").stdout


def test_list_groups() -> None:
    groups = json.loads(run("list", "--groups", "--json").stdout)
    assert groups["backup"] == ["drc-bkp1"]
    assert len(groups["all"]) == 14


def test_a_pattern_that_matches_nothing_is_wrong_usage() -> None:
    done = run("list", "databse")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'dcops: pattern "databse" matches nothing. Did you mean "database"?\n'
    done = run("export", "csv", "nothing:&here", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["exit_code"] == 2


def test_an_inventory_that_is_not_there_is_wrong_usage() -> None:
    done = run("list", "-i", "lba")
    assert done.returncode == 2
    assert "lab, production" in done.stderr


@pytest.mark.parametrize("name", ["jkt-db1", "198.18.10.11", "198.19.0.13", "jkt-db1.jkt.pmk.test"])
def test_show_finds_a_device_by_name_and_address(name: str) -> None:
    found = json.loads(run("show", name, "--json").stdout)
    assert [(item["section"], item["name"]) for item in found] == [("devices", "jkt-db1")]
    assert found[0]["needed_by"] == [
        "application:absensi (database)",
        "application:naskah_dinas_elektronik (database)",
    ]


def test_show_gives_the_standing_of_values() -> None:
    text = run("show", "naskah_dinas_elektronik").stdout
    assert "rto: 900 (proposed: dcops default)" in text
    assert "owner_unit: Bagian Kepegawaian, Biro Umum" in text


def test_show_finds_one_name_in_two_sections() -> None:
    found = json.loads(run("show", "w1", "--json").stdout)
    assert [item["section"] for item in found] == ["prefixes", "links"]


def test_show_of_nothing_suggests() -> None:
    done = run("show", "jkt-bd1")
    assert done.returncode == 2
    assert 'Did you mean "jkt-db1"?' in done.stderr


def test_export_for_prometheus() -> None:
    groups = json.loads(run("export", "prometheus-sd").stdout)
    database = next(group for group in groups if group["labels"]["device"] == "jkt-db1")
    assert database["targets"] == ["198.18.10.11:9100"]
    assert database["labels"]["app"] == "naskah_dinas_elektronik,absensi"
    snmp = json.loads(run("export", "prometheus-sd", "--job", "snmp").stdout)
    assert {group["labels"]["device"] for group in snmp} == {"jkt-rtr1", "jkt-rtr2", "drc-rtr1", "drc-rtr2", "jkt-fac1"}
    endpoints = json.loads(run("export", "prometheus-sd", "--job", "endpoint").stdout)
    assert "https://naskah.pmk.test:8443/sehat" in [group["targets"][0] for group in endpoints]


def test_export_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(run("export", "csv").stdout)))
    assert len(rows) == 14
    row = next(row for row in rows if row["name"] == "jkt-db1")
    assert (row["rack"], row["unit"], row["room"], row["mode"]) == ("jkt-rack1", "4", "jkt-hall", "manage")


def test_debt_of_the_lab_names_what_nobody_decided() -> None:
    owed = json.loads(run("debt", "--json").stdout)
    kinds = {entry["path"]: entry["kind"] for entry in owed}
    assert kinds["applications.naskah_dinas_elektronik.rto"] == "proposed"
    assert kinds["applications.wbs.owner_unit"] == "unset"
    assert kinds["upstreams.jip.probe"] == "unset"
    assert "power" not in kinds.values()
    # Beside the append-only copy at drc-bkp1/jkt there are two that its own site, or a database server, could delete.
    custody = sorted(entry["message"].split(":")[1].split(" ")[0] for entry in owed if entry["kind"] == "custody")
    assert custody == ["drc-bkp1/pgbackrest", "jkt-svc1/jkt"]


def test_graph_of_one_thing_and_of_all() -> None:
    one = json.loads(run("graph", "jkt-ups1", "--json").stdout)["ups:jkt-ups1"]
    assert "application:naskah_dinas_elektronik" in one["needed_by"]
    assert one["needs"] == []
    dot = run("graph", "--format", "dot").stdout
    assert dot.startswith("digraph inventory {\n")
    assert '"upstream:pdn" -> "link:w1" [label="path"];' in dot
    assert run("graph", "jkt-dbx").returncode == 2


@pytest.mark.parametrize("verb", ["validate", "list", "show", "export", "debt", "graph"])
def test_help_has_examples_and_exit_codes(verb: str) -> None:
    text = run(verb, "--help").stdout
    assert "Examples:" in text
    assert "Exit codes: 0" in text

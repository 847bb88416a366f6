"""The import contracts of pyproject.toml hold, and each of them notices what it is there to notice."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
TREES = ("dcops", "exporters", "dr_drills")
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

# contract -> module to plant and the import that breaks it
PLANTS = {
    "house": ("dcops/inventory/planted.py", "import dcops.backup"),
    "rooms": ("dcops/backup/model.py", "import dcops.backup.service"),
    "outer trees": ("dcops/core/planted_outer.py", "import exporters"),
    "pure": ("dcops/drills/plan.py", "import subprocess"),
    "services": ("dcops/registry/service.py", "import netmiko"),
    "faces": ("dcops/cli/planted.py", "import paramiko"),
}
NOT_CAPABILITIES = ("core", "cli", "wiring", "api", "records", "runs", "inventory")
OUTSIDE = re.compile(
    r"^(?:from dcops\.core\.process import"
    r"|(?:import|from) (?:subprocess|socket|sqlalchemy|psycopg|netmiko|paramiko|gufo|ansible_runner|httpx2)\b)",
    re.MULTILINE,
)


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*TREES, cache_dir=None)


def test_every_contract_has_a_plant() -> None:
    assert {contract["name"] for contract in CONFIG["contracts"]} == set(PLANTS)


def test_each_contract_notices_a_planted_violation(tmp_path: Path) -> None:
    for tree in TREES:
        shutil.copytree(ROOT / tree, tmp_path / tree, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, (module, line) in PLANTS.items():
        path = tmp_path / module
        before = path.read_text() if path.exists() else '"""Planted."""\n'
        path.write_text(before + f"\n{line}\n")
        assert path.parent.joinpath("__init__.py").exists(), name
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    for name in PLANTS:
        assert f"{name} BROKEN" in done.stdout, done.stdout


def test_every_wildcard_matches_something(graph: grimp.ImportGraph) -> None:
    for contract in CONFIG["contracts"]:
        for expression in contract.get("source_modules", []):
            found = graph.find_matching_modules(expression) if "*" in expression else {expression} & graph.modules
            assert found, f"{contract['name']}: {expression} matches no module"


def _capability(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _adapters(graph: grimp.ImportGraph) -> set[str]:
    """Modules of capabilities that reach outside: they import sockets, processes, device or database drivers."""
    found = set()
    for expression in ("dcops.*.*", "dcops.*.*.*"):
        for module in graph.find_matching_modules(expression):
            path = ROOT / (module.replace(".", "/") + ".py")
            if module.split(".")[1] not in NOT_CAPABILITIES and path.is_file() and OUTSIDE.search(path.read_text()):
                found.add(module)
    return found


def test_an_adapter_is_imported_only_by_wiring_and_by_adapters_of_its_package(graph: grimp.ImportGraph) -> None:
    adapters = _adapters(graph)
    assert adapters, "no adapter found: the search is broken"
    strangers = [
        (importer, adapter)
        for adapter in adapters
        for importer in graph.find_modules_that_directly_import(adapter)
        if _capability(importer) not in ("dcops.wiring", _capability(adapter)) or importer.endswith(".service")
    ]
    assert strangers == []


def test_package_files_import_pure_rooms_only(graph: grimp.ImportGraph) -> None:
    adapters = _adapters(graph)
    packages = [module for module in graph.modules if module.count(".") == 1 and graph.find_children(module)]
    wrong = [(p, a) for p in packages for a in graph.find_modules_directly_imported_by(p) if a in adapters]
    assert wrong == []

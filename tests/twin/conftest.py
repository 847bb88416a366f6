"""Real machines for tests: one whole twin per run from a provisioned snapshot, and small ones to break.

Skipped by name without root or tools; with DCOPS_REQUIRE_TWIN set (as in CI) that is a failure instead.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MINI = Path(__file__).parent / "mini"
TOOLS = ("systemd-nspawn", "mmdebstrap", "ip", "nft", "ssh")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.twin)


def _lacking() -> str | None:
    if os.geteuid() != 0:
        return "the twin needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class Twin:
    """A twin under test; `inventory` as for -i."""

    name: str
    inventory: str
    state: Path = ROOT / "var"

    @property
    def folder(self) -> Path:
        return self.state / "lab" / self.name

    @property
    def environment(self) -> dict[str, str]:
        """What host verbs that talk to its nodes need."""
        secrets = str(self.folder / "secrets")
        return {**os.environ, "DCOPS_TWIN": self.name, "DCOPS_STATE": str(self.state), "DCOPS_SECRETS": secrets}

    def dcops(self, *words: str, timeout: float = 300, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run `dcops WORDS` for this twin."""
        return subprocess.run(
            [sys.executable, "-m", "dcops", *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=ROOT,
            env=self.environment,
            check=False,
            **options,
        )

    def lab(self, *words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run `dcops lab WORDS`; fails the test when it does not end with 0."""
        done = self.dcops("lab", *words, **options)
        assert done.returncode == 0, f"lab {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def up(self, *words: str) -> dict[str, Any]:
        """Bring it up; what `--json` says."""
        found: dict[str, Any] = json.loads(self.lab("up", "-i", self.inventory, "--json", *words, timeout=600).stdout)
        return found

    def status(self) -> dict[str, Any]:
        """What `lab status --json` says."""
        found: dict[str, Any] = json.loads(self.dcops("lab", "status", "--json").stdout)
        return found

    def run(self, node: str, *command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command on a node, whatever its exit status."""
        return self.dcops("lab", "exec", node, "--", *command, **options)

    def say(self, node: str, *command: str) -> str:
        """Run a command on a node that must succeed; its output."""
        done = self.run(node, *command)
        assert done.returncode == 0, f"{node}: {' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def pings(self, node: str, address: str) -> bool:
        """Whether one of two pings from a node to an address is answered."""
        return self.run(node, "ping", "-c2", "-i0.2", "-W1", "-q", address).returncode == 0


@pytest.fixture(scope="session")
def _host() -> None:
    lacking = _lacking()
    if lacking is None:
        return
    if os.environ.get("DCOPS_REQUIRE_TWIN"):
        pytest.fail(lacking)
    pytest.skip(lacking)


@pytest.fixture(scope="session")
def image(_host: None) -> None:
    """The image, built if it is not there."""
    done = subprocess.run(
        [sys.executable, "-m", "dcops", "lab", "build"], cwd=ROOT, timeout=900, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def twin(image: None) -> Iterator[Twin]:
    """The whole lab as the twin `test`, from the matching snapshot if there is one; taken down at the end."""
    found = Twin("test", "lab")
    found.lab("down")
    found.up("--from-snapshot")
    yield found
    if not os.environ.get("DCOPS_KEEP_TWIN"):
        found.lab("down", "--purge")


@pytest.fixture(scope="module")
def mini(image: None) -> Iterator[Twin]:
    """A small twin to break: two routers, one server; fresh for each file of tests."""
    found = Twin("mini", str(MINI))
    found.lab("down", "--purge")
    found.up()
    yield found
    found.lab("down", "--purge")

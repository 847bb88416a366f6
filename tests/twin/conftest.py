"""Real machines for tests: one whole twin per run from a provisioned snapshot, and small ones to break.

Skipped by name without root or tools; with DCOPS_TWIN_REQUIRED set (as in CI) that is a failure instead.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # so that test files can name the class below, whoever started pytest
MINI = Path(__file__).parent / "mini"
# Names of this checkout's own: what another checkout, or a run of it that was killed, left up is not ours to remove.
_OWN = hashlib.sha256(str(ROOT).encode()).hexdigest()[:3]
TEST, MINI_1, MINI_2 = f"test{_OWN}", f"mini{_OWN}", f"min2{_OWN}"
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

    def program(self, *words: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        """Run a Python program of the checkout for this twin."""
        argv = [sys.executable, *words]
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=self.environment, check=False
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

    def run(self, node: str, *command: str, timeout: float = 120, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command on a node, whatever its exit status; as `lab exec`, without the start of another Python."""
        config = ["-F", str(self.folder / "ssh_config"), "-o", "ProxyCommand=none", "-T"]
        argv = ["ip", "netns", "exec", f"{self.name}-mg", "ssh", *config, node, shlex.join(command)]
        options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
        if options["stdin"] is None:
            del options["stdin"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, **options)

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
    if os.environ.get("DCOPS_TWIN_REQUIRED"):
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
def twin(request: pytest.FixtureRequest, _host: None) -> Iterator[Twin]:
    """The whole lab, provisioned and seeded, as one twin: from the matching snapshot, else made and kept as one.

    One twin a run, shared by all tests that take it: they leave it as they found it. DCOPS_KEEP_TWIN leaves it up.
    DCOPS_TEST_TWIN names one that is up and provisioned already; it is used as it is and left up.
    """
    if os.environ.get("DCOPS_TEST_TWIN"):
        yield Twin(os.environ["DCOPS_TEST_TWIN"], "lab")
        return
    request.getfixturevalue("image")
    found = Twin(TEST, "lab")
    found.lab("down")
    if found.up("--from-snapshot")["restored"] is None:
        made = found.program("script/demo.py", "--twin", found.name, "--only", "provision", timeout=1200)
        assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-4000:]
        found.lab("snapshot", timeout=600)
    yield found
    if not os.environ.get("DCOPS_KEEP_TWIN"):
        found.lab("down", "--purge")


@pytest.fixture(scope="session")
def twin_name(twin: Twin) -> str:
    """The name of the provisioned twin of this run."""
    return twin.name


@pytest.fixture(scope="module")
def mini(image: None) -> Iterator[Twin]:
    """A small twin to break: two routers, one server; fresh for each file of tests."""
    found = Twin(MINI_1, str(MINI))
    found.lab("down", "--purge")
    found.up()
    yield found
    found.lab("down", "--purge")

"""The API as a process on loopback, its inventory a copy that tests may damage."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from dcops.core.process import Child, start

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    def __init__(self, child: Child, home: Path) -> None:
        assert child.popen.stderr is not None
        line = child.popen.stderr.readline().decode()
        assert "listens on http://127.0.0.1:" in line, line
        self.url, self.child, self.home = line.split()[-1], child, home

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, headers=named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    home = tmp_path_factory.mktemp("home")
    for name in ("inventory", "exporters", "playbooks"):
        shutil.copytree(ROOT / name, home / name)
    environment = {
        "DCOPS_HOME": str(home),
        "DCOPS_STATE": str(home / "var"),
        "PYTHONPATH": str(ROOT),
        "DCOPS_PROMETHEUS_URL": "http://127.0.0.1:9",  # nothing listens there: what it would know is unknown
        "DCOPS_IDENTITY": str(home / "no-identity.json"),
    }
    argv = [sys.executable, "-m", "dcops", "api", "serve", "--listen", "127.0.0.1:0", "-i", "lab"]
    with start(argv, env=environment, cwd=home, stderr=PIPE) as child:
        yield Api(child, home)

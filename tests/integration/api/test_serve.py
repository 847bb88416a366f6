"""The servers listen where they are told, or say in one line why not."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from dcops.core.errors import DcopsError, UsageError
from dcops.core.process import Completed, run
from dcops.wiring.serve import listen_on, parse_listen
from tests.integration.api.conftest import ROOT


@pytest.mark.parametrize(
    ("text", "found"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:0", ("::1", 0)), ("localhost:1", ("localhost", 1))],
)
def test_where_to_listen(text: str, found: tuple[str, int]) -> None:
    assert parse_listen(text) == found


@pytest.mark.parametrize("text", ["", "8080", ":8080", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is no address to listen on"):
        parse_listen(text)


def test_it_listens_there_and_nowhere_else() -> None:
    with listen_on("127.0.0.1:0") as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(DcopsError, match=r"198\.18\.10\.2:0: cannot listen"):
        listen_on("198.18.10.2:0")


def serve(module: str, *words: str, folder: Path) -> Completed:
    environment = {"DCOPS_HOME": str(ROOT), "DCOPS_STATE": str(folder), "PYTHONPATH": str(ROOT)}
    return run([sys.executable, "-m", module, *words], env=environment, check=False)


@pytest.mark.parametrize(("module", "words"), [("dcops", ("api", "serve")), ("exporters", ("serve",))])
def test_a_port_that_is_taken_is_one_line_and_exit_1(module: str, words: tuple[str, ...], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve(module, *words, "-i", "lab", "--listen", f"127.0.0.1:{port}", folder=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1
    assert "cannot listen" in lines[0]


@pytest.mark.parametrize(("module", "words"), [("dcops", ("api", "serve")), ("exporters", ("serve",))])
def test_an_inventory_that_is_not_there(module: str, words: tuple[str, ...], tmp_path: Path) -> None:
    done = serve(module, *words, "-i", "nowhere", folder=tmp_path)
    assert done.returncode == 2
    assert b'inventory "nowhere" is not there' in done.stderr
    assert b"Traceback" not in done.stderr

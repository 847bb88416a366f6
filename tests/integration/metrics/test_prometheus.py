"""The Prometheus client against a real Prometheus on loopback."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dcops.core.clock import utc_now
from dcops.core.errors import ParseError, Unreachable
from dcops.core.process import start
from dcops.metrics.prometheus import Prometheus


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log, start([*argv, f"--web.listen-address=127.0.0.1:{port}"], stderr=log):
        client = Prometheus(f"http://127.0.0.1:{port}")
        end = time.monotonic() + 30
        while not _has(client):
            assert time.monotonic() < end, "no sample within 30 s"
            time.sleep(0.2)
        yield client


def _has(client: Prometheus) -> bool:
    try:
        return bool(client.latest("up"))
    except Unreachable:
        return False


def test_the_newest_sample_with_the_moment_of_its_scrape(prometheus: Prometheus) -> None:
    (sample,) = prometheus.latest('up{job="self"}')
    assert sample.value == 1
    assert sample.labels["job"] == "self"
    assert utc_now() - sample.observed_at < timedelta(seconds=10)


def test_nothing_matches(prometheus: Prometheus) -> None:
    assert prometheus.latest("no_such_metric") == ()


def test_a_wrong_query_says_so(prometheus: Prometheus) -> None:
    with pytest.raises(ParseError, match="Prometheus says"):
        prometheus.latest("up{")


def test_nobody_there() -> None:
    with pytest.raises(Unreachable, match="Prometheus does not answer"):
        Prometheus("http://127.0.0.1:9").latest("up")

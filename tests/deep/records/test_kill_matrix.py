"""Many kills at random instants, of the writer and of the database server, and long crowds."""

import random
import shutil
import time
from pathlib import Path

import pytest

from dcops.wiring.records import RECORDS_URL
from tests.contract.records.cluster import Cluster
from tests.integration.records.processes import check, crowd, kill_at_random, writer

pytestmark = pytest.mark.deep


def test_sixty_kills_of_one_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RECORDS_URL, raising=False)
    highest = 0
    for seed in range(60):
        told = kill_at_random(tmp_path, 1000 + seed)
        assert min(told) > highest
        highest = max(told)
        found = check(tmp_path)
        assert found.findings == ()
        assert found.heads[0].seq >= highest


def test_kills_of_the_very_first_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the file, its tables, the key and the opening are made: the next writer must find something sound."""
    monkeypatch.delenv(RECORDS_URL, raising=False)
    for seed in range(40):
        state = tmp_path / str(seed)
        with writer(state) as first:
            time.sleep(random.Random(seed).uniform(0.0, 0.6))
            first.kill()
            first.wait()
        assert len(crowd(state, 1, 2)) == 2
        assert check(state).findings == ()
        shutil.rmtree(state)


def test_a_database_server_that_crashes_loses_nothing_that_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cluster.started(tmp_path) as cluster:
        monkeypatch.setenv(RECORDS_URL, cluster.new_database())
        highest = 0
        for seed in range(4):
            with writer(tmp_path) as running:
                told = [int(running.output.readline()) for _ in range(1 + random.Random(seed).randrange(40))]
                cluster.stop()  # immediate: no checkpoint, recovery from the log at the next start
                running.kill()
                running.wait()
                told += running.told()
            cluster.start()
            chained = [seq for seq in told if seq]  # 0: spooled while the server was down, and said so
            assert min(chained) > highest
            highest = max(chained)
            found = check(tmp_path)
            assert found.findings == ()
            assert found.heads[0].seq >= highest


def test_eight_processes_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RECORDS_URL, raising=False)
    each = 150
    assert crowd(tmp_path, 8, each) == list(range(2, 2 + 8 * each))
    assert check(tmp_path).findings == ()

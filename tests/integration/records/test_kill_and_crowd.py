"""Killed at any instant a journal verifies; eight processes at once keep one chain. Real processes, real stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dcops.wiring.records import RECORDS_URL, open_records
from tests.contract.records.cluster import Cluster, find_binaries
from tests.integration.records.processes import check, crowd, kill_at_random, settings


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if find_binaries() is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    with Cluster.started(tmp_path_factory.mktemp("pg")) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"], autouse=True)
def _store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the store to every process of the test, this one included."""
    monkeypatch.delenv(RECORDS_URL, raising=False)
    if request.param == "postgresql":
        monkeypatch.setenv(RECORDS_URL, request.getfixturevalue("cluster").new_database())


def test_a_journal_killed_at_random_instants_verifies(tmp_path: Path) -> None:
    told: list[int] = []
    for seed in range(5):
        told += kill_at_random(tmp_path, seed)
        found = check(tmp_path)
        assert found.findings == ()
        assert found.heads[0].seq >= max(told), "a record that was said to be on disk is gone"
    assert told == sorted(set(told))


def test_eight_processes_keep_one_chain(tmp_path: Path) -> None:
    each = 12
    assert crowd(tmp_path, 8, each) == list(range(2, 2 + 8 * each))  # seq 1 opened the journal, once
    found = check(tmp_path)
    assert (found.findings, found.unsealed, found.records) == ((), (), 1 + 8 * each)
    assert len({record.envelope.previous for record in open_records(settings(tmp_path)).query()}) == found.records

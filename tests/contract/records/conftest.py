"""The stores under one contract: an SQLite file, and Debian's real PostgreSQL in a cluster of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcops.records.postgres import PostgresStore
from dcops.records.sql import SqlStore
from dcops.records.sqlite import SqliteStore
from tests.contract.records.cluster import Cluster, find_binaries

OpenStore = Callable[[], SqlStore]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if find_binaries() is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    with Cluster.started(tmp_path_factory.mktemp("pg")) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """A way to open the same, at first empty, store any number of times."""
    if request.param == "sqlite":

        def opener() -> SqlStore:
            return SqliteStore(tmp_path / "journal.db")
    else:
        url = request.getfixturevalue("cluster").new_database()

        def opener() -> SqlStore:
            return PostgresStore(url)

    opened: list[SqlStore] = []

    def remembered() -> SqlStore:
        opened.append(opener())
        return opened[-1]

    yield remembered
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> SqlStore:
    return open_store()

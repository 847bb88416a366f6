"""What only PostgreSQL can do wrong."""

from pathlib import Path

import pytest

from dcops.core.errors import UsageError
from dcops.records.ports import StoreUnavailable
from dcops.records.postgres import PostgresStore
from tests.contract.records.cluster import Cluster
from tests.contract.records.writers import Alarms, Key, journal_on, note, rows_of


@pytest.mark.parametrize("url", ["postgresql://dcops:canary@/dcops", "postgresql+psycopg://u:canary@h/d"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="holds a password") as caught:
        PostgresStore(url)
    assert "canary" not in str(caught.value)


def test_an_unreadable_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        PostgresStore("no url at all")


def test_a_dead_server_is_unavailable_within_seconds(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        PostgresStore(f"postgresql://dcops@/none?host={tmp_path}").journals()


def test_records_are_spooled_while_the_server_is_down_and_follow_a_gap(tmp_path: Path) -> None:
    with Cluster.started(tmp_path) as own:
        store, alarms, key = PostgresStore(own.new_database()), Alarms(), Key()
        journal = journal_on(store, tmp_path, key=key, alarm=alarms)
        note(journal, 1)
        own.stop()
        spooled = note(journal, 2)
        assert spooled.is_spooled
        assert len(alarms.sent) == 1
        own.start()
        note(journal, 3)
        assert [journal.get(str(row.seq)).kind for row in rows_of(store)] == [
            "journal.opened", "observation", "gap", "observation", "observation",
        ]  # fmt: skip
        store.close()

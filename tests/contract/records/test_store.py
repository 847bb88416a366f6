"""What every store promises: order, one chain, nothing changed or removed, one writer at a time."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dcops.core.clock import parse_rfc3339
from dcops.core.errors import DcopsError, UsageError
from dcops.records.model import GENESIS, Query
from dcops.records.ports import StoreUnavailable
from dcops.records.sql import SqlStore
from dcops.records.tables import SCHEMA_REVISION
from tests.contract.records.conftest import OpenStore
from tests.contract.records.writers import Key, journal_on, note, rows_of


def test_an_empty_store_has_no_journals(store: SqlStore) -> None:
    assert store.journals() == ()
    assert store.head("jkt-ops1") is None
    assert store.get("jkt-ops1", 1) is None
    assert list(store.find(Query())) == []


def test_the_first_record_opens_the_journal(store: SqlStore, tmp_path: Path) -> None:
    journal = journal_on(store, tmp_path)
    record = note(journal)
    rows = rows_of(store)
    assert [row.seq for row in rows] == [1, 2]
    assert (record.seq, record.is_spooled) == (2, False)
    opened = journal.get("1")
    assert opened.kind == "journal.opened"
    assert opened.envelope.previous == GENESIS
    assert record.envelope.previous == opened.hash


def test_what_was_appended_is_read_back_exactly(open_store: OpenStore, tmp_path: Path) -> None:
    payload = {"subject": "jkt-db1", "aspect": 'ü € 漢 \u2028 \x7f \\ "', "facts": {"n": [1, -0.5, None, True, {}]}}
    record = journal_on(open_store(), tmp_path).append("observation", payload, run="0" * 26, change="CHG-1")
    row = rows_of(open_store())[-1]
    assert (row.text, row.hash, row.signature, row.key_id) == (
        record.text, record.hash, record.signature, record.key_id,
    )  # fmt: skip
    again = journal_on(open_store(), tmp_path).get("jkt-ops1:2")
    assert again == record
    assert again.payload["aspect"] == payload["aspect"]


def test_queries_by_kind_run_time_and_journal(store: SqlStore, tmp_path: Path) -> None:
    jkt, drc = journal_on(store, tmp_path), journal_on(store, tmp_path, name="drc-ops1", key=Key())
    first = note(jkt, 1)
    jkt.append("run.refused", {"verb": "drill run", "reasons": ["window"]}, run="A" * 26)
    last = note(drc, 3)

    def numbers(**conditions: Any) -> list[Any]:
        return [r.payload["facts"]["number"] for r in jkt.query(kind="observation", **conditions)]

    assert numbers() == [1, 3]
    assert numbers(is_newest_first=True, limit=1) == [3]
    assert numbers(journal="drc-ops1") == [3]
    assert numbers(after=first.at) == [3]
    assert numbers(until=parse_rfc3339(last.at) - timedelta(microseconds=1)) == [1]
    assert [r.kind for r in jkt.query(run="A" * 26)] == ["run.refused"]
    assert [r.kind for r in jkt.query(kind="run.*")] == ["run.refused"]
    assert list(jkt.query(kind="r%*")) == []
    assert jkt.last("observation") == last
    assert jkt.last("drill.result") is None
    assert [head.journal for head in jkt.heads()] == ["drc-ops1", "jkt-ops1"]


def test_a_record_that_is_not_there_is_a_usage_error(store: SqlStore, tmp_path: Path) -> None:
    for reference in ("99", "x:1", "jkt-ops1:x", ""):
        with pytest.raises(UsageError, match="no such record"):
            journal_on(store, tmp_path).get(reference)


def _attempts() -> list[str]:
    return [
        "UPDATE records SET text = 'x'",
        "UPDATE records SET hash = 'x' WHERE seq = 1",
        "DELETE FROM records",
        "DELETE FROM records WHERE seq = 2",
    ]


@pytest.mark.parametrize("statement", _attempts())
def test_change_and_removal_are_refused(store: SqlStore, tmp_path: Path, statement: str) -> None:
    note(journal_on(store, tmp_path))
    before = rows_of(store)
    with pytest.raises(Exception, match="append-only"), store.engine.begin() as connection:
        connection.execute(text(statement))
    assert rows_of(store) == before


def test_replacing_and_truncating_are_refused(store: SqlStore, tmp_path: Path) -> None:
    note(journal_on(store, tmp_path))
    before = rows_of(store)
    columns = "journal, seq, hash, kind, version, at, environment, run, actor, change, text, signature, key_id"
    is_sqlite = store.engine.dialect.name == "sqlite"
    statement = (
        f"INSERT OR REPLACE INTO records ({columns}) SELECT {columns} FROM records WHERE seq = 2"
        if is_sqlite
        else "TRUNCATE records"
    )
    with pytest.raises(Exception, match="append-only"), store.engine.begin() as connection:
        connection.execute(text(statement))
    assert rows_of(store) == before


def test_nothing_is_written_when_sealing_fails(store: SqlStore, tmp_path: Path) -> None:
    note(journal_on(store, tmp_path))

    def fails(_head: Any) -> Any:
        raise DcopsError("defect")

    with pytest.raises(DcopsError, match="defect"):
        store.append("jkt-ops1", fails)
    assert len(rows_of(store)) == 2
    note(journal_on(store, tmp_path))  # and the lock is free again


def test_eight_threads_and_two_journals_keep_their_chains(open_store: OpenStore, tmp_path: Path) -> None:
    keys = {"jkt-ops1": Key(), "drc-ops1": Key()}
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            journal = journal_on(open_store(), tmp_path, name=name, key=keys[name])
            for number in range(10):
                assert not note(journal, number).is_spooled
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in keys for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for name in keys:
        rows = rows_of(open_store(), name)
        assert [row.seq for row in rows] == list(range(1, 42))
        assert [journal_on(open_store(), tmp_path).get(f"{name}:{row.seq}").envelope.previous for row in rows] == [
            GENESIS,
            *(row.hash for row in rows[:-1]),
        ]


def test_the_tables_are_what_the_migrations_build(store: SqlStore) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from dcops.records.tables import metadata

    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == SCHEMA_REVISION
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_the_stores_expect() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "dcops.records:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_REVISION


def test_tables_of_a_newer_dcops_are_left_alone(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    note(journal_on(store, tmp_path))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="unknown revision"):
        open_store().journals()

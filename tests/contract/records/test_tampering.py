"""Somebody with the rights of the database owner: triggers dropped, rows changed by hand. Each act must be found."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from dcops.core.clock import rfc3339, utc_now
from dcops.records.anchors import anchor_text, read_anchor
from dcops.records.canonical import sha256_hex
from dcops.records.keyring import KnownKey
from dcops.records.model import Fault, Verification
from dcops.records.postgres import PostgresStore
from dcops.records.sql import SqlStore
from dcops.records.sqlite import SqliteStore
from dcops.records.verification import Evidence, verify
from tests.contract.records.writers import Key, journal_on, note

COLUMNS = "journal, seq, hash, kind, version, at, environment, run, actor, change, text, signature, key_id"


def drop_triggers(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for name in ("records_no_update", "records_no_delete", "records_no_replace"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
    else:
        connection.execute(text("DROP TRIGGER IF EXISTS records_no_change ON records"))


class Scene:
    """Ten records of one writer, an anchor over them, and the keys known from outside."""

    def __init__(self, store: SqlStore, folder: Path) -> None:
        self.store, self.key = store, Key()
        self.journal = journal_on(store, folder, key=self.key)
        for number in range(9):
            note(self.journal, number)
        self.known = (KnownKey(self.key.key.public, "jkt-ops1"),)
        signed = self.journal.sign_heads(self.journal.heads())
        self.anchors, _ = read_anchor(anchor_text(signed, self.known), where="anchor")

    def sql(self, *statements: str) -> None:
        with self.store.engine.begin() as connection:
            drop_triggers(connection)
            for statement in statements:
                connection.exec_driver_sql(statement)

    def verify(self, *, anchored: bool = False) -> Verification:
        return verify(self.store, Evidence(local=self.known, anchors=self.anchors if anchored else None))

    def faults(self, *, anchored: bool = False) -> set[tuple[int, Fault]]:
        return {(finding.seq, finding.fault) for finding in self.verify(anchored=anchored).findings}


@pytest.fixture(scope="module")
def shared_postgres(request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    """One database for all cases, emptied before each: making one costs more than a case does."""
    store = PostgresStore(request.getfixturevalue("cluster").new_database())
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        found: SqlStore = SqliteStore(tmp_path / "journal.db")
        yield found
        found.close()
        return
    found = request.getfixturevalue("shared_postgres")
    with found.engine.begin() as connection:
        drop_triggers(connection)
        connection.execute(text("DELETE FROM records"))
    yield found


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    return Scene(store, tmp_path)


def test_an_untouched_journal_is_valid_and_says_what_it_does_not_show(scene: Scene) -> None:
    found = scene.verify()
    assert (found.findings, found.unsealed, found.records) == ((), (), 10)
    assert found.notes == ("jkt-ops1: no anchor given, so a cut tail would not be seen",)
    anchored = scene.verify(anchored=True)
    assert (anchored.findings, anchored.notes) == ((), ())
    assert anchored.anchored[0].startswith("jkt-ops1:10 of ")


def _column(assignment: str) -> list[str]:
    return [f"UPDATE records SET {assignment} WHERE seq = 5"]


CLOSE_UP = [f"UPDATE records SET seq = {number - 1} WHERE seq = {number}" for number in range(6, 11)]
SWAP = [f"UPDATE records SET seq = {new} WHERE seq = {old}" for old, new in ((5, 99), (6, 5), (99, 6))]
COPY = f"SELECT {COLUMNS.replace('seq, hash', '11, substr(hash, 2)')} FROM records WHERE seq = 5"
CASES: dict[str, tuple[list[str], tuple[int, Fault]]] = {
    "payload": (_column("text = replace(text, '\"number\":3', '\"number\":4')"), (5, Fault.CHANGED)),
    "hash": (_column("hash = 'f' || substr(hash, 2, 62) || 'x'"), (5, Fault.CHANGED)),
    "signature": (_column("signature = ANOTHER"), (5, Fault.SIGNATURE)),
    "key": (_column("key_id = 'A' || substr(key_id, 2)"), (5, Fault.KEY)),
    "kind column": (_column("kind = 'backup.receipt'"), (5, Fault.CHANGED)),
    "time column": (_column("at = '2020'"), (5, Fault.CHANGED)),
    "actor column": (_column("actor = 'nobody'"), (5, Fault.CHANGED)),
    "environment column": (_column("environment = 'production'"), (5, Fault.CHANGED)),
    "version column": (_column("version = 2"), (5, Fault.CHANGED)),
    "run column": (_column("run = 'x'"), (5, Fault.CHANGED)),
    "change column": (_column("change = 'x'"), (5, Fault.CHANGED)),
    "removed": (["DELETE FROM records WHERE seq = 5"], (6, Fault.REMOVED)),
    "first removed": (["DELETE FROM records WHERE seq = 1"], (2, Fault.REMOVED)),
    "removed and closed up": (["DELETE FROM records WHERE seq = 5", *CLOSE_UP], (5, Fault.REORDERED)),
    "swapped": (SWAP, (5, Fault.REORDERED)),
    "moved away": (_column("journal = 'other'"), (6, Fault.REMOVED)),
    "copied": ([f"INSERT INTO records ({COLUMNS}) {COPY}"], (11, Fault.REORDERED)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_tampering_is_found(scene: Scene, name: str) -> None:
    statements, expected = CASES[name]
    other = Key().sign("x")
    scene.sql(*(statement.replace("ANOTHER", f"'{other}'") for statement in statements))
    assert expected in scene.faults()


def test_a_cut_tail_is_found_with_the_anchor_only(scene: Scene) -> None:
    scene.sql("DELETE FROM records WHERE seq > 7")
    assert scene.faults() == set()
    assert scene.faults(anchored=True) == {(7, Fault.CUT)}


def test_a_journal_that_is_gone_is_found_with_the_anchor(scene: Scene) -> None:
    scene.sql("DELETE FROM records")
    assert scene.faults(anchored=True) == {(0, Fault.CUT)}


def test_a_changed_record_resealed_with_a_strangers_key_is_found(scene: Scene) -> None:
    row = scene.store.get("jkt-ops1", 5)
    assert row is not None
    changed, stranger = row.text.replace('"number":3', '"number":4'), Key()
    assert changed != row.text
    seal = f"signature = '{stranger.sign(changed)}', key_id = '{stranger.key_id}'"
    scene.sql(*_column(f"text = '{changed}', hash = '{sha256_hex(changed)}', {seal}"))
    assert {(5, Fault.KEY), (5, Fault.SIGNATURE), (6, Fault.REORDERED)} <= scene.faults()


def _rewrite(scene: Scene, key: Key, folder: Path) -> None:
    """Forge the whole journal anew, with another history."""
    scene.sql("DELETE FROM records")
    forger = journal_on(scene.store, folder, key=key)
    for number in range(9):
        note(forger, number + 100)


def test_a_journal_forged_with_another_key_is_found_by_the_known_key(scene: Scene, tmp_path: Path) -> None:
    _rewrite(scene, Key(), tmp_path)
    assert (1, Fault.KEY) in scene.faults()
    nobody = verify(scene.store, Evidence())
    assert nobody.findings == ()  # what a chain alone cannot show, and says so:
    assert any("nobody vouches" in line for line in nobody.notes)


def test_a_journal_forged_with_the_real_key_is_found_by_the_anchor_only(scene: Scene, tmp_path: Path) -> None:
    _rewrite(scene, scene.key, tmp_path)
    assert scene.faults() == set()
    assert (10, Fault.CHANGED) in scene.faults(anchored=True)


def _anchor(change: Callable[[dict[str, str]], dict[str, str]], scene: Scene) -> Verification:
    head = scene.anchors[0].signed.model_dump()
    import json

    anchors, _ = read_anchor(json.dumps({"heads": [change(head)]}), where="anchor")
    return verify(scene.store, Evidence(local=scene.known, anchors=anchors))


def test_a_changed_anchor_is_no_anchor(scene: Scene) -> None:
    found = _anchor(lambda head: {**head, "text": head["text"].replace('"seq":10', '"seq":90')}, scene)
    assert {Fault.SIGNATURE, Fault.CUT} == {finding.fault for finding in found.findings}
    stranger = Key()
    found = _anchor(lambda head: {**head, "signature": stranger.sign(head["text"]), "key_id": stranger.key_id}, scene)
    assert [finding.fault for finding in found.findings] == [Fault.KEY]


def test_records_after_the_anchor_and_journals_without_one_are_told(scene: Scene, tmp_path: Path) -> None:
    note(scene.journal)
    note(journal_on(scene.store, tmp_path, name="drc-ops1"))
    found = scene.verify(anchored=True)
    assert found.is_valid
    assert found.unsealed == ("drc-ops1: no anchor covers it",)
    assert "jkt-ops1: 1 records came after the anchor" in found.notes
    assert rfc3339(utc_now()) > found.heads[0].at

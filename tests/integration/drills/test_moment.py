"""The actions of the dropped table on real PostgreSQL and pgBackRest: dropped, restored, carried back, wiped."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))  # tests import tests, whoever started pytest

from dcops.core.errors import CommandError
from dcops.core.words import Environment
from dcops.drills.context import DrillContext
from dcops.drills.model import Control, Finding, Scope
from dcops.drills.plan import tampered
from dcops.runs.cancel import CancelToken
from dr_drills.actions.moment import CARRY_BACK, DROP_OWN, LOSE_TABLE, REMOVE_OWN, RESTORE, own_folder
from dr_drills.parameters import Database, Device
from dr_drills.probes.moment import ARCHIVED, ROWS, TABLE_GONE, WIPED
from tests.integration.backup.test_wal import STANZA, Archived, archived

__all__ = ["archived"]


class Here:
    """Every device is this host; PostgreSQL and pgBackRest are found by environment, elsewhere by their defaults."""

    def __init__(self, made: Archived) -> None:
        self._env = {**os.environ, "PGHOST": str(made.base), "PGPORT": str(made.port), "LC_ALL": "C.UTF-8",
                     "PGBACKREST_CONFIG": str(made.config)}  # fmt: skip

    def run(self, device: str, argv: Sequence[str], *, input: bytes | None = None, timeout_seconds: float = 60) -> str:
        done = subprocess.run(argv, input=input, capture_output=True, timeout=timeout_seconds, env=self._env, cwd="/",
                              check=False)  # fmt: skip
        if done.returncode:
            raise CommandError(list(argv), done.returncode, (done.stderr + done.stdout).decode())
        return done.stdout.decode()

    def status(self, device: str, argv: Sequence[str]) -> int:
        return subprocess.run(argv, capture_output=True, env=self._env, cwd="/", check=False).returncode


class Servers:
    """The application's account on the one server."""

    def __init__(self, made: Archived) -> None:
        self._made = made

    def query(self, device: str, database: str, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._made.connect() as connection:
            return cast(list[tuple[Any, ...]], connection.execute(statement.encode(), tuple(values)).fetchall())


@pytest.fixture
def context(archived: Archived) -> DrillContext:
    scope = Scope(app="naskah", service="naskah", run_at="drc", from_site="jkt", to_site="drc")
    nothing = cast(Any, None)
    return DrillContext("01JDRC00000000000000000WAL", scope, Environment.SCRATCH, nothing, cast(Any, Here(archived)),
                        nothing, cast(Any, Servers(archived)), nothing, nothing, nothing, Random(1), CancelToken(),
                        lambda _: None)  # fmt: skip


def test_a_dropped_table_is_carried_back_as_it_was(archived: Archived, context: DrillContext) -> None:
    archived.archive()
    where, there = Database(device="db1", database="postgres"), Device(device="db2")
    guard = ARCHIVED.schema(device="db1", database="postgres", stanza=STANZA, reader="db2")
    assert ARCHIVED.run(context, guard).is_ok, ARCHIVED.run(context, guard).detail
    lost = LOSE_TABLE.run(context, LOSE_TABLE.schema(device="db1", database="postgres", owner="postgres", rows=1000))
    context.facts.put("lose-table", lost.facts)
    assert TABLE_GONE.run(context, TABLE_GONE.schema(device="db1", database="postgres")).is_ok
    assert reason_of(ROWS.run(context, where)) == "table_missing"
    try:
        moment = RESTORE.schema(device="db2", stanza=STANZA, from_device="db1")
        assert int(RESTORE.run(context, moment).facts["database_bytes"]) > 10_000_000
        CARRY_BACK.run(context, CARRY_BACK.schema(device="db1", database="postgres", from_device="db2"))
        found = ROWS.run(context, where)
        assert found.is_ok, found.detail
        assert (found.facts["rows_back"], found.facts["lost_acknowledged"]) == (1000, 0)
        controls_fail(context, where)
        archived.execute(f"UPDATE {context.own_name} SET isi = 'x' WHERE id = 5")
        assert reason_of(ROWS.run(context, where)) == "content_differs"
        assert reason_of(WIPED.run(context, there)) == "left"
    finally:
        DROP_OWN.run(context, where)
        REMOVE_OWN.run(context, there)
    assert WIPED.run(context, there).is_ok
    assert not Path(own_folder(context)).exists()
    assert archived.value(f"SELECT to_regclass('{context.own_name}') IS NULL") is True
    # A later process of the run knows the moment from what the steps told.
    known, context.point = context.point, None
    assert reason_of(ROWS.run(context, where)) == "table_missing"
    assert known is not None
    assert context.recovery_point().newest == known.newest


def reason_of(finding: Finding) -> str:
    assert finding.is_ok is False
    return finding.reason


def controls_fail(context: DrillContext, where: Database) -> None:
    """Each damage must be told for its own reason."""
    true_point = context.recovery_point()
    for tamper, reason in (("one_row_more", "row_count_differs"), ("newer_than_it_is", "newest_differs"),
                           ("dropped_table", "table_missing"), ("last_hundredth_gone", "tail_missing"),
                           ("other_application", "other_application")):  # fmt: skip
        control = Control.model_validate({"id": "c", "of": "rows", "tamper": tamper, "expect": reason})
        context.point = tampered(true_point, control)
        assert reason_of(ROWS.run(context, where)) == reason
    context.point = true_point

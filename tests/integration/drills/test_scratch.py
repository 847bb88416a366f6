"""A restore into scratch by the real actions and adapters: it comes, is checked and goes, and nothing else changes."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from dcops.core import yaml
from dcops.core.errors import Refused
from dcops.core.secrets import Secret
from dcops.drills.context import DrillContext
from dcops.drills.model import Control
from dcops.drills.postgresql import PostgresqlServers, ServerAccess
from dcops.drills.scratch import placed
from dcops.drills.tampering import tampering
from dcops.wiring.bridges import ResticRecovery, SshHosts
from dr_drills.actions import database, files
from dr_drills.probes.naskah import FILES, ROWS
from dr_drills.probes.targets import DATABASE_ABSENT
from tests.integration.backup.conftest import DATABASE_PASSWORD, House


@pytest.fixture
def context(done: House) -> Iterator[DrillContext]:
    def access(_: str) -> ServerAccess:
        return ServerAccess("127.0.0.1", done.cluster.port, "naskah", Secret(DATABASE_PASSWORD, "file:db"))

    restic, absent = done.restic(is_lock_free=True), cast(Any, None)
    found = object.__new__(DrillContext)
    found.run_id, found.say = f"T{secrets.token_hex(4)}".upper(), lambda _: None
    found.hosts, found.databases = SshHosts(lambda _: done.target), PostgresqlServers(access)
    found.recovery = ResticRecovery(lambda _: done.service(restic), restic, lambda _: done.target, access)
    found.point, found.web = found.recovery.newest("naskah"), absent
    found.routers = found.upstreams = found.observer = absent
    yield found
    for action in (database.DROP_OWN, files.REMOVE_OWN):
        call(action, found)


def call(kind: Any, context: DrillContext, **more: object) -> Any:
    places = {"database": "@scratch", "path": "@scratch", **more}
    wanted = {key: value for key, value in {"device": "db1", **places}.items() if key in kind.schema.model_fields}
    return kind.run(context, kind.schema.model_validate(placed(wanted, context.own_name)))


def controls_of(step: str) -> list[Control]:
    document = yaml.load(Path(__file__).parents[3] / "dr_drills/scenarios/naskah-restore.yml")
    return [Control.model_validate(each) for each in document["spec"]["controls"] if each["of"] == step]


def tampered_files(context: DrillContext, control: Control) -> str:
    with tampering(context, control):
        return str(call(FILES, context, database_device="db1", sample=0).reason)


def test_a_restore_into_scratch_comes_whole_and_goes_without_a_trace(done: House, context: DrillContext) -> None:
    others = context.databases.names("db1")
    folder = Path("/var/lib") / context.own_name
    call(database.RESTORE, context)
    call(files.RESTORE, context)
    assert set(context.databases.names("db1")) == {*others, context.own_name}
    assert context.databases.query("db1", context.own_name, "SELECT count(*) FROM surat")[0][0] == 20
    assert folder.stat().st_mode & 0o777 == 0o700
    finding = call(FILES, context, database_device="db1", sample=0)
    assert (finding.is_ok, finding.reason) == (True, "")
    assert call(DATABASE_ABSENT, context).reason == "not_empty"
    reasons = [(control.expect, tampered_files(context, control)) for control in controls_of("files")]
    assert reasons == [("file_missing", "file_missing"), ("file_empty", "file_empty")]
    assert call(FILES, context, database_device="db1", sample=0).is_ok, "a control leaves no trace"
    first = next(path for path in folder.rglob("*") if path.is_file())
    first.write_bytes(b"")
    assert call(FILES, context, database_device="db1", sample=0).reason == "file_empty"
    first.write_bytes(b"damaged")
    assert call(FILES, context, database_device="db1", sample=0).reason == "hash_differs"
    call(database.DROP_OWN, context)
    call(files.REMOVE_OWN, context)
    assert context.databases.names("db1") == others
    assert not folder.exists()
    assert not folder.with_name(f"{folder.name}.dcops-run").exists()
    assert call(DATABASE_ABSENT, context).is_ok


def test_each_control_of_the_shipped_restore_fails_for_its_own_reason(context: DrillContext) -> None:
    """On rows restored for real; each reason is told by one tampering only, so none hides behind another."""
    controls = controls_of("rows")
    call(database.RESTORE, context)
    assert call(ROWS, context).is_ok
    found = []
    for control in controls:
        with tampering(context, control):
            finding = call(ROWS, context)
        assert (finding.is_ok, finding.reason) == (False, control.expect), control.id
        found.append(finding.reason)
    assert len(set(found)) == len(controls) == 5


def test_rows_and_tables_that_are_really_gone_are_told(context: DrillContext, done: House) -> None:
    call(database.RESTORE, context)
    with done.cluster.connect(context.own_name) as connection:
        connection.execute(
            "DELETE FROM lampiran WHERE surat_id = (SELECT id FROM surat ORDER BY diterima_pada DESC LIMIT 1)"
        )
        connection.execute("DELETE FROM surat WHERE id = (SELECT id FROM surat ORDER BY diterima_pada DESC LIMIT 1)")
    assert call(ROWS, context).reason == "tail_missing"
    with done.cluster.connect(context.own_name) as connection:
        connection.execute("DROP TABLE lampiran")
    assert call(ROWS, context).reason == "table_missing"
    with done.cluster.connect(context.own_name) as connection:
        for table in set(context.recovery_point().rows) - {"lampiran"}:
            connection.execute(f"DROP TABLE {table} CASCADE")
    assert call(ROWS, context).reason == "other_application"


def test_a_run_that_died_while_loading_loads_again(context: DrillContext) -> None:
    """Its database is there, under its own name and comment, and holds nothing: that is no finished restore."""
    context.databases.create("db1", context.own_name, f"made by dcops drill run {context.run_id}")
    assert "MB/s" in call(database.RESTORE, context).detail
    assert context.databases.query("db1", context.own_name, "SELECT count(*) FROM surat")[0][0] == 20


def test_a_scratch_folder_of_somebody_else_is_left_alone(context: DrillContext) -> None:
    folder = Path("/var/lib") / context.own_name
    folder.mkdir()
    try:
        (folder / "theirs").write_text("kept")
        with pytest.raises(Refused, match="is not empty"):
            call(files.RESTORE, context)
        call(files.REMOVE_OWN, context)
        assert (folder / "theirs").read_text() == "kept"
    finally:
        (folder / "theirs").unlink(missing_ok=True)
        folder.rmdir()

"""`dcops backup run` tells what became of the backup, whatever becomes of its metrics."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from dcops.cli import backup as cli
from dcops.core.errors import DcopsError, Unreachable


def test_metrics_that_cannot_be_written_never_hide_a_failed_backup(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise Unreachable("PostgreSQL does not answer", where="jkt-db1")

    def no_room() -> None:
        raise DcopsError("cannot write: No space left on device", where="dcops_backup.prom")

    @contextmanager
    def run(_verb: str) -> Any:
        yield SimpleNamespace(run_id="RUN")

    backup = SimpleNamespace(
        inventory=SimpleNamespace(name="lab", environment="twin", revision="0" * 64),
        journal=SimpleNamespace(append=fail),
        settings=SimpleNamespace(identity_path=None),
        writers=lambda: None,
        service=SimpleNamespace(run=fail),
        write_metrics=no_room,
        run=run,
    )
    monkeypatch.setattr(cli, "_open", lambda *_, **__: backup)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(Unreachable, match="PostgreSQL does not answer"):
        cli.run(inventory="lab")
    assert "the metrics were not written" in capfd.readouterr().err

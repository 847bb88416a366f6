"""An application is led to another cluster beside its own settings, and back; what another run did is left alone."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from dcops.core.errors import DcopsError, Refused
from dcops.core.words import Environment
from dcops.drills.context import DrillContext
from dcops.drills.service import draw
from dcops.runs.cancel import CancelToken
from dr_drills.actions.application import POINT_AT, POINT_BACK, Pointed

SETTINGS = "/etc/naskah/naskah.ini"
POINTED = Pointed.model_validate({
    "device": "drc-app1", "unit": "naskah.service", "settings": SETTINGS, "variable": "NASKAH_CONFIG",
    "database_device": "drc-db1", "cluster": "standby",
})  # fmt: skip
OWN = "[naskah]\nsite = drc\n\n[database]\nhost = naskah-db.drc\nsslmode = verify-full\n"


class Server:
    """The files of one server, and a list of clusters at another."""

    def __init__(self, text: str = OWN) -> None:
        self.files = {SETTINGS: text}
        self.reloads = 0

    def status(self, device: str, argv: Sequence[str]) -> int:
        if argv[0] == "grep":
            return 0 if argv[2] in self.files.get(argv[3], "").splitlines() else 1
        return 0 if argv[2] in self.files else 1

    def run(self, device: str, argv: Sequence[str], *, input: bytes | None = None, timeout_seconds: float = 60) -> str:
        if argv[0] == "pg_lsclusters":
            return "17 restore 5432 online postgres /a /b\n17 standby 5433 online,recovery postgres /c /d\n"
        if argv[0] == "tee":
            self.files[argv[1]] = (input or b"").decode()
        if argv[0] == "rm":
            for path in argv[3:]:
                self.files.pop(path, None)
        self.reloads += argv == ["systemctl", "daemon-reload"]
        return self.files.get(argv[1], "") if argv[0] == "cat" else ""


def context(server: Server, run: str = "RUN") -> DrillContext:
    absent = cast(Any, None)
    return DrillContext(
        run_id=run, scope=absent, environment=Environment.TWIN, faults=absent, hosts=cast(Any, server), recovery=absent,
        databases=absent, routes=absent, web=absent, observer=absent, random=draw(7), token=CancelToken(),
        say=lambda _: None,
    )  # fmt: skip


def test_the_port_alone_differs_and_the_unit_is_told() -> None:
    server = Server()
    POINT_AT.run(context(server), POINTED)
    changed = server.files[f"{SETTINGS}.dcops-run"]
    assert "port = 5433" in changed
    assert [line for line in OWN.splitlines() if line and line not in changed.splitlines()] == []
    drop_in = server.files["/etc/systemd/system/naskah.service.d/dcops-run.conf"]
    assert drop_in.splitlines()[1:] == ["[Service]", f"Environment=NASKAH_CONFIG={SETTINGS}.dcops-run"]
    assert server.files[SETTINGS] == OWN
    POINT_AT.run(context(server), POINTED)
    POINT_BACK.run(context(server), POINTED)
    POINT_BACK.run(context(server), POINTED)
    assert server.files == {SETTINGS: OWN}
    assert server.reloads == 4


def test_what_another_run_did_is_neither_changed_nor_undone() -> None:
    server = Server()
    POINT_AT.run(context(server, "FIRST"), POINTED)
    before = dict(server.files)
    for action in (POINT_AT, POINT_BACK):
        with pytest.raises(Refused, match="another run's"):
            action.run(context(server, "SECOND"), POINTED)
    assert server.files == before


def test_settings_without_a_database_are_an_error() -> None:
    with pytest.raises(DcopsError, match="name no database"):
        POINT_AT.run(context(Server("[naskah]\nsite = drc\n")), POINTED)

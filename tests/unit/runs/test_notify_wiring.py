"""Who is paged, through which relay; and where nobody can be mailed the spool is what is left."""

from dataclasses import replace
from pathlib import Path

import pytest

from dcops.core.settings import Settings
from dcops.inventory import Inventory, load
from dcops.runs.smtp import SmtpNotify
from dcops.runs.spool_notify import SpoolNotify
from dcops.wiring.notify import on_call, open_notify

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def lab() -> Inventory:
    return load(ROOT / "inventory/lab")


def settings(folder: Path, *, is_enrolled: bool) -> Settings:
    identity = folder / "identity.json"
    if is_enrolled:
        identity.write_text("{}")
    return Settings(ROOT, folder / "state", folder / "secrets", identity)


def test_the_lab_pages_its_operator_through_the_sink(lab: Inventory, tmp_path: Path) -> None:
    found = open_notify(settings(tmp_path, is_enrolled=True), lab)
    assert isinstance(found, SmtpNotify)
    assert (found._relay.address, found._relay.port) == ("198.18.20.10", 25)
    assert found._head.sender == "dcops@drc.pmk.test"
    assert found._head.recipients == on_call(lab) == ("operator-1@pmk.test",)
    assert "GLADI / REHEARSAL" in found._head.place


def test_a_host_that_is_not_enrolled_sends_nothing(lab: Inventory, tmp_path: Path) -> None:
    assert isinstance(open_notify(settings(tmp_path, is_enrolled=False), lab), SpoolNotify)


@pytest.mark.parametrize("part", ["devices", "people"])
def test_without_a_relay_or_anybody_on_call_there_is_the_spool(lab: Inventory, tmp_path: Path, part: str) -> None:
    bare = replace(lab, **{part: {}})
    assert isinstance(open_notify(settings(tmp_path, is_enrolled=True), bare), SpoolNotify)

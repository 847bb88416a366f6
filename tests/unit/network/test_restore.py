"""A replaced router gets back what is kept of it, no service that has moved, and no line without its secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcops.core.errors import DcopsError, Refused, Unreachable, UsageError
from dcops.inventory import load
from dcops.network.intent import Network, network_of
from dcops.network.jinja import TemplateRenderer
from dcops.network.service import (
    apply_plans,
    backup_configurations,
    comparable_lines,
    move_service,
    observe,
    plan_restore,
    plan_routing,
    restore_configuration,
)
from tests.contract.network.fake_frr import FakeFrr, FakeNetwork
from tests.unit.network.test_services import NAMES, MemoryHistory, Records

ROOT = Path(__file__).resolve().parents[3]
DEVICE, KEY = "jkt-rtr2", b"key"


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(load(ROOT / "inventory" / "lab"))


@pytest.fixture
def kept(network: Network) -> tuple[FakeNetwork, MemoryHistory]:
    """Four routers as intended, all of them backed up."""
    fake, history = FakeNetwork({target.name: FakeFrr(target.name) for target in network.targets}), MemoryHistory()
    plans = plan_routing(network, observe(network.targets, fake.reader), NAMES, TemplateRenderer())
    apply_plans(plans, network, writer=fake.writer, record=Records())
    backup_configurations(
        network.targets, reader=fake.reader, history=history, record=Records(), redaction_key=KEY
    )  # fmt: skip
    return fake, history


def replace(fake: FakeNetwork) -> None:
    fake.routers[DEVICE] = FakeFrr(DEVICE)


def restore(network: Network, fake: FakeNetwork, history: MemoryHistory, records: Records | None = None) -> str:
    result = restore_configuration(
        network, DEVICE, reader=fake.reader, writer=fake.writer, history=history, record=records or Records()
    )
    return result.status


def test_a_new_device_gets_back_exactly_what_it_had(network: Network, kept: tuple[FakeNetwork, MemoryHistory]) -> None:
    fake, history = kept
    before, records = fake.routers[DEVICE].running(), Records()
    replace(fake)
    assert "router bgp" not in fake.routers[DEVICE].running()
    assert restore(network, fake, history, records) == "changed"
    assert fake.routers[DEVICE].running() == before
    assert fake.routers[DEVICE].saved == 1
    assert [(kind, payload["status"]) for kind, payload in records.kept] == [("network.change", "changed")]
    assert restore(network, fake, history) == "unchanged"


def test_a_service_that_has_moved_is_not_brought_back(
    network: Network, kept: tuple[FakeNetwork, MemoryHistory]
) -> None:
    fake, history = kept
    move_service(network, "naskah", "drc", writer=fake.writer, record=Records())
    replace(fake)
    assert restore(network, fake, history) == "changed"
    assert "198.18.100.10" not in fake.routers[DEVICE].running()
    kept_lines = comparable_lines(network, DEVICE, history.texts["jkt", DEVICE], b"another key")
    assert comparable_lines(network, DEVICE, fake.routers[DEVICE].running(), KEY) == kept_lines


def test_one_changed_line_is_a_difference(network: Network, kept: tuple[FakeNetwork, MemoryHistory]) -> None:
    fake, history = kept
    fake.routers[DEVICE].apply(["router bgp 4200000010", "no neighbor 198.18.250.3 bfd", "exit"])
    kept_lines = comparable_lines(network, DEVICE, history.texts["jkt", DEVICE], KEY)
    assert comparable_lines(network, DEVICE, fake.routers[DEVICE].running(), KEY) != kept_lines


def test_what_is_not_kept_cannot_be_restored(network: Network, kept: tuple[FakeNetwork, MemoryHistory]) -> None:
    fake, _ = kept
    with pytest.raises(UsageError, match="no configuration is kept"):
        restore(network, fake, MemoryHistory())


def test_a_line_without_its_secret_is_refused_with_nothing_sent(
    network: Network, kept: tuple[FakeNetwork, MemoryHistory]
) -> None:
    fake, history = kept
    peer = " neighbor 198.18.250.3 remote-as 4200000030\n"
    secret = f"{peer} neighbor 198.18.250.3 password <secret:0badcafe>\n"
    history.texts["jkt", DEVICE] = history.texts["jkt", DEVICE].replace(peer, secret)
    replace(fake)
    with pytest.raises(Refused, match="lacks its secrets"):
        restore(network, fake, history)
    assert fake.routers[DEVICE].sent == []


def test_a_device_that_does_not_answer_or_refuses_says_so(
    network: Network, kept: tuple[FakeNetwork, MemoryHistory]
) -> None:
    fake, history = kept
    replace(fake)
    fake.routers[DEVICE].refuse = "maximum-paths"
    with pytest.raises(DcopsError, match="rolled_back"):
        restore(network, fake, history)
    fake.routers[DEVICE].is_down = True
    with pytest.raises(Unreachable):
        plan_restore(network, DEVICE, reader=fake.reader, history=history)

"""The planner's properties, on a router that takes and refuses lines as FRR does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcops.core.errors import PlanError
from dcops.network.jinja import TemplateRenderer
from dcops.network.model import (
    Announcement,
    DevicePlan,
    MoveOrder,
    Neighbour,
    RoutingIntent,
    ServiceAddress,
    ServiceState,
)
from dcops.network.plan import plan_announcement, plan_device, plan_move_waves, serving_site
from dcops.network.platforms.rules import platform
from tests.contract.network.fake_frr import FakeFrr

FRR = platform("frr")
RENDER = TemplateRenderer()
SERVICES = ("198.18.100.0/24",)

neighbours = st.lists(
    st.builds(
        Neighbour,
        address=st.integers(0, 6).map(lambda n: f"198.18.250.{n}"),
        remote_as=st.sampled_from([4200000010, 4200000020, 4200000030]),
        name=st.sampled_from(["pdn-rtr1", "drc-rtr1"]),
        link=st.sampled_from(["w1", "w5", ""]),
        is_internal=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda neighbour: neighbour.address,
).map(lambda items: tuple(sorted(items, key=lambda item: item.address)))
announcements = st.lists(
    st.integers(10, 13).map(lambda n: Announcement(f"s{n}", f"198.18.100.{n}/32", "198.18.10.11")),
    max_size=2,
    unique_by=lambda item: item.prefix,
).map(tuple)
intents = st.builds(
    RoutingIntent,
    device=st.just("r1"),
    site=st.just("jkt"),
    asn=st.just(4200000010),
    router_id=st.sampled_from(["198.18.255.1", "198.18.255.2"]),
    neighbours=neighbours,
    networks=st.lists(st.sampled_from(["198.18.10.0/24", "198.18.11.0/24"]), unique=True).map(
        lambda items: tuple(sorted(items))
    ),
    announcements=announcements,
    service_networks=st.just(SERVICES),
)


def text_of(intent: RoutingIntent) -> str:
    return RENDER("frr", intent)


def plan(router: FakeFrr, wanted: str) -> DevicePlan:
    return plan_device(FRR, router.name, "jkt", router.running(), wanted, SERVICES)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=intents, second=intents)
def test_a_plan_leads_there_and_its_reverse_leads_back(first: RoutingIntent, second: RoutingIntent) -> None:
    router = FakeFrr()
    router.load(text_of(first))
    before = router.running()
    step = plan(router, text_of(second))

    router.apply(step.commands)
    assert plan(router, text_of(second)).is_empty
    reference = FakeFrr()
    reference.load(text_of(second))
    assert sorted(router.running().splitlines()) == sorted(reference.running().splitlines())

    router.apply(step.rollback)
    assert sorted(router.running().splitlines()) == sorted(before.splitlines())


@settings(max_examples=50, deadline=None)
@given(intent=intents)
def test_a_router_that_is_as_intended_gets_no_command(intent: RoutingIntent) -> None:
    router = FakeFrr()
    router.load(text_of(intent))
    step = plan(router, text_of(intent))
    assert step.is_empty
    assert step.rollback == ()
    assert step.diff == ()


@settings(max_examples=50, deadline=None)
@given(intent=intents)
def test_the_first_apply_onto_an_empty_router_can_be_taken_back(intent: RoutingIntent) -> None:
    router = FakeFrr()
    empty = router.running()
    step = plan(router, text_of(intent))
    router.apply(step.commands)
    router.apply(step.rollback)
    assert router.running() == empty


def test_what_the_toolkit_does_not_own_is_left_alone() -> None:
    router = FakeFrr()
    router.tree["interface lan0"] = {"vrrp 10 version 3": {}}
    router.tree["ip route 198.18.0.0/16 198.18.10.1"] = {}
    step = plan(router, "router bgp 4200000010\n bgp router-id 198.18.255.1\n")
    assert not any("interface" in line or "198.18.0.0/16" in line for line in (*step.commands, *step.rollback))


def test_a_removed_neighbour_takes_its_lines_along() -> None:
    router = FakeFrr()
    router.load(
        "router bgp 1\n neighbor 198.18.250.1 remote-as 2\n neighbor 198.18.250.1 bfd profile fast\n"
        " address-family ipv4 unicast\n  neighbor 198.18.250.1 next-hop-self\n exit-address-family\nexit\n"
    )
    step = plan(router, "router bgp 1\n address-family ipv4 unicast\n exit-address-family\nexit\n")
    assert step.commands == ("router bgp 1", "no neighbor 198.18.250.1 remote-as 2", "exit")


INTENT = RoutingIntent("r1", "jkt", 4200000010, "198.18.255.1", (), ("198.18.10.0/24",), (), SERVICES)
NASKAH = Announcement("naskah", "198.18.100.10/32", "198.18.10.21")


def test_announcing_changes_the_route_and_the_network_together_and_back() -> None:
    router = FakeFrr()
    router.load(text_of(INTENT))
    before = router.running()
    step = plan_announcement(FRR, INTENT, before, NASKAH, is_wanted=True)
    assert step.commands == (
        "ip route 198.18.100.10/32 198.18.10.21",
        "router bgp 4200000010",
        "address-family ipv4 unicast",
        "network 198.18.100.10/32",
        "exit",
        "exit",
    )
    router.apply(step.commands)
    assert plan_announcement(FRR, INTENT, router.running(), NASKAH, is_wanted=True).is_empty
    withdraw = plan_announcement(FRR, INTENT, router.running(), NASKAH, is_wanted=False)
    router.apply(withdraw.commands)
    assert router.running() == before
    assert plan_announcement(FRR, INTENT, router.running(), NASKAH, is_wanted=False).is_empty
    router.apply(withdraw.rollback)
    assert plan_announcement(FRR, INTENT, router.running(), NASKAH, is_wanted=True).is_empty


def test_a_static_route_left_at_a_passive_site_is_removed_though_nothing_is_announced() -> None:
    router = FakeFrr()
    router.load(text_of(INTENT))
    router.apply(["ip route 198.18.100.10/32 198.18.10.99"])
    step = plan_announcement(FRR, INTENT, router.running(), NASKAH, is_wanted=False)
    assert step.commands == ("no ip route 198.18.100.10/32 198.18.10.99",)


@pytest.mark.parametrize(
    ("order", "waves"),
    [
        (MoveOrder.WITHDRAW_FIRST, (("jkt",), ("drc",))),
        (MoveOrder.ANNOUNCE_FIRST, (("drc",), ("jkt",))),
    ],
)
def test_the_order_of_a_move(order: MoveOrder, waves: tuple[tuple[str, ...], ...]) -> None:
    assert plan_move_waves(order, "drc", ["drc", "jkt"]) == waves


SERVICE = ServiceAddress("naskah", "198.18.100.10/32", "jkt", (("jkt", "198.18.10.21"), ("drc", "198.18.20.21")))


def state(*sites: str) -> ServiceState:
    return ServiceState("naskah", "198.18.100.10/32", "jkt", (), sites)


def test_an_apply_never_moves_a_service_back_after_a_failover() -> None:
    assert serving_site(SERVICE, None) == "jkt"
    assert serving_site(SERVICE, state()) == "jkt"
    assert serving_site(SERVICE, state("drc")) == "drc"


def test_a_service_announced_by_two_sites_needs_a_decision() -> None:
    with pytest.raises(PlanError, match="announced by drc and jkt at once"):
        serving_site(SERVICE, state("drc", "jkt"))

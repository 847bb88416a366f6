"""The SNMP client against a real snmpd: versions 2c and 3, whole walks, silence, wrong keys."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from dcops.core.errors import AuthenticationFailed, DcopsError, ParseError, TimedOut, UsageError
from dcops.core.secrets import Secret
from dcops.snmp.gufo import GufoClient
from dcops.snmp.model import Auth, Endpoint, Version3
from dcops.snmp.service import poll
from dcops.snmp.walk import Walk, as_text
from tests.integration.snmp.agent import AUTH_PASSWORD, COMMUNITY, PRIV_PASSWORD, USER, free_udp_port, snmpd

SYSTEM = "1.3.6.1.2.1.1"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with snmpd(tmp_path_factory.mktemp("snmpd")) as port:
        yield Endpoint("127.0.0.1", port)


def secret(text: str) -> Secret:
    return Secret(text, "env:TEST")


V2 = Auth("v2", community=secret(COMMUNITY))
V3 = Auth("v3", user=Version3(USER, "SHA-256", secret(AUTH_PASSWORD), "AES", secret(PRIV_PASSWORD)))


@pytest.mark.parametrize("auth", [V2, V3], ids=["v2c", "v3"])
def test_a_walk_gives_the_system_group(endpoint: Endpoint, auth: Auth) -> None:
    walk = Walk(GufoClient().walk(endpoint, auth, SYSTEM, timeout_seconds=2))
    assert as_text(walk.scalar(f"{SYSTEM}.5.0")) == "loopback"
    assert as_text(walk.scalar(f"{SYSTEM}.6.0")) == "test bench"


def test_a_long_walk_is_whole_whatever_the_repetitions(endpoint: Endpoint) -> None:
    few = GufoClient(max_repetitions=2).walk(endpoint, V2, "1.3.6.1.2.1.2.2.1", timeout_seconds=2)
    many = GufoClient(max_repetitions=50).walk(endpoint, V2, "1.3.6.1.2.1.2.2.1", timeout_seconds=2)
    assert [oid for oid, _ in few] == [oid for oid, _ in many]
    assert few


def test_an_agent_without_the_table_answers_nothing(endpoint: Endpoint) -> None:
    assert list(GufoClient().walk(endpoint, V2, "1.3.6.1.2.1.15.3.1", timeout_seconds=2)) == []


def test_a_wrong_community_is_silence(endpoint: Endpoint) -> None:
    with pytest.raises(TimedOut):
        GufoClient().walk(endpoint, Auth("x", community=secret("wrong")), SYSTEM, timeout_seconds=0.3)


def test_a_wrong_v3_password_is_refused(endpoint: Endpoint) -> None:
    auth = Auth("v3", user=Version3(USER, "SHA-256", secret("not the password"), "AES", secret(PRIV_PASSWORD)))
    with pytest.raises((AuthenticationFailed, TimedOut, DcopsError)) as caught:
        GufoClient().walk(endpoint, auth, SYSTEM, timeout_seconds=0.5)
    assert "not the password" not in str(caught.value)


def test_an_unknown_protocol_is_an_error_before_anything_is_sent(endpoint: Endpoint) -> None:
    auth = Auth("v3", user=Version3(USER, "SHA-3", secret("x" * 8)))
    with pytest.raises(UsageError, match='protocol "SHA-3" is unknown'):
        GufoClient().walk(endpoint, auth, SYSTEM, timeout_seconds=1)


def test_silence_costs_the_deadline_and_no_more() -> None:
    nobody = Endpoint("127.0.0.1", free_udp_port())
    started = time.monotonic()
    with pytest.raises(DcopsError):
        poll(GufoClient(), nobody, V2, [SYSTEM], deadline_seconds=1)
    assert time.monotonic() - started < 3


def test_a_walk_ends_at_its_deadline_however_lively_the_agent(endpoint: Endpoint) -> None:
    with pytest.raises(TimedOut, match="not read whole in time"):
        GufoClient().walk(endpoint, V2, SYSTEM, timeout_seconds=2, deadline_seconds=0)


def test_an_agent_that_never_ends_is_ended(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcops.snmp.gufo.MOST_VARIABLES", 5)
    with pytest.raises(ParseError, match="more than 5 variables"):
        GufoClient().walk(endpoint, V2, SYSTEM, timeout_seconds=2)


def test_a_poll_says_what_each_subtree_cost(endpoint: Endpoint) -> None:
    found = poll(GufoClient(), endpoint, V2, [SYSTEM, f"{SYSTEM}.5", "1.3.6.1.2.1.2.2.1"], deadline_seconds=5)
    assert [stat.oid for stat in found.stats] == [SYSTEM, "1.3.6.1.2.1.2.2.1"]
    assert sum(stat.variables for stat in found.stats) == len(found.walk)

"""Walks as tables, the order of answers, the union of subtrees, retries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dcops.core.errors import ParseError, SpecError, TimedOut
from dcops.snmp.model import Auth, Endpoint, Varbind
from dcops.snmp.service import poll, union
from dcops.snmp.spec import parse_auths
from dcops.snmp.walk import Walk, as_counter, as_text, parse_oid, require_rising

AGENT = Endpoint("198.18.10.2", device="jkt-rtr1")


def test_a_table_has_its_rows_by_index_and_leaves_out_what_is_missing() -> None:
    base = parse_oid("1.3.6.1.2.1.2.2.1")
    walk = Walk([((*base, 2, 10), b"b"), ((*base, 2, 2), b"a"), ((*base, 8, 2), 1), ((*base, 99, 2), 5)])
    assert walk.table("1.3.6.1.2.1.2.2.1", {2: "descr", 8: "oper"}) == {
        (2,): {"descr": b"a", "oper": 1},
        (10,): {"descr": b"b"},
    }


def test_answers_that_do_not_rise_are_an_error_that_names_the_agent() -> None:
    with pytest.raises(ParseError, match=r"jkt-rtr1: the agent's answers do not rise: 1\.3 again"):
        require_rising([((1, 3), 1), ((1, 3), 2)], "jkt-rtr1")


def test_no_object_identifier() -> None:
    with pytest.raises(ParseError, match='"ifName" is no object identifier'):
        parse_oid("ifName")


def test_a_four_byte_number_printed_as_negative_is_put_right() -> None:
    assert as_counter(-94967266, bits=32) == 4200000030
    assert as_counter(None) is None


def test_texts_survive_bytes_that_are_not_utf8() -> None:
    assert as_text(b"lan\xff0\x00") == "lan�0"


def test_the_union_drops_what_lies_inside() -> None:
    assert union(["1.3.6.1.2.1.31.1", "1.3.6.1.2.1.31", "1.3.6.1.2.1.3", "1.3.6.1.2.1.3"]) == (
        "1.3.6.1.2.1.3",
        "1.3.6.1.2.1.31",
    )


class FlakyClient:
    """Loses the first `losses` questions."""

    def __init__(self, losses: int) -> None:
        self.losses = losses
        self.asked: list[str] = []

    def walk(
        self, endpoint: Endpoint, auth: Auth, oid: str, *, timeout_seconds: float, deadline_seconds: float | None = None
    ) -> Sequence[Varbind]:
        self.asked.append(oid)
        if len(self.asked) <= self.losses:
            raise TimedOut("no answer", where=str(endpoint))
        return [((*parse_oid(oid), 1), 7)]


def test_a_lost_packet_is_asked_again() -> None:
    client = FlakyClient(2)
    found = poll(client, AGENT, Auth("a"), ["1.3.6.1"], deadline_seconds=5)
    assert found.stats[0].attempts == 3
    assert len(found.walk) == 1


def test_three_times_silence_is_the_end() -> None:
    with pytest.raises(TimedOut, match=r"jkt-rtr1: no answer for 1\.3\.6\.1"):
        poll(FlakyClient(9), AGENT, Auth("a"), ["1.3.6.1"], deadline_seconds=5)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], 'one key "auths"'),
        ({"auths": {"a": {}}}, "exactly one of community and username"),
        ({"auths": {"a": {"community": "file:x", "username": "y"}}}, "exactly one of community and username"),
        ({"auths": {"a": {"username": "y", "auth_protocol": "SHA-256"}}}, "go together"),
        (
            {"auths": {"a": {"username": "y", "priv_protocol": "AES", "priv_password": "file:p"}}},
            "privacy needs authentication",
        ),
        ({"auths": {"a": {"comunity": "file:x"}}}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_auth_files(document: object, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_auths(document, "auths.yml")
    assert message in str(caught.value)

"""What dig prints, as an answer; what nsupdate is told; which names can be moved where."""

import pytest

from dcops.core.errors import ParseError, UsageError
from dcops.drills.bind import NameBook, parse_answer, update_text
from dcops.drills.model import NameAnswer

HEAD = ";; ->>HEADER<<- opcode: QUERY, status: {}, id: 4711\n;; flags: qr aa rd; QUERY: 1, ANSWER: 1\n\n"
BOOK = NameBook(
    servers={"jkt-svc1": "198.18.10.10"},
    resolver="198.18.30.10",
    fixed={"naskah.pmk.test": "198.18.100.10"},
    movable={"naskah-db.pmk.test": {"jkt": "198.18.10.11", "drc": "198.18.20.11"}},
    active={"naskah-db.pmk.test": "jkt"},
    ttls={"naskah-db.pmk.test": 30},
)


def test_an_answer_is_its_addresses_and_the_time_that_is_left() -> None:
    text = HEAD.format("NOERROR") + ";; ANSWER SECTION:\nnaskah.pmk.test.\t\t42\tIN\tA\t198.18.100.10\n\n"
    assert parse_answer(text) == NameAnswer(addresses=("198.18.100.10",), ttl_seconds=42)


def test_an_alias_is_followed_and_the_shorter_time_counts() -> None:
    text = (
        HEAD.format("NOERROR") + "a.test. 10 IN CNAME b.test.\nb.test. 60 IN A 198.18.0.2\nb.test. 60 IN A 198.18.0.1\n"
    )
    assert parse_answer(text) == NameAnswer(addresses=("198.18.0.1", "198.18.0.2"), ttl_seconds=10)


def test_no_such_name_is_an_answer_and_a_failure_is_none() -> None:
    assert parse_answer(HEAD.format("NXDOMAIN")) == NameAnswer(addresses=(), ttl_seconds=0)
    for status in ("SERVFAIL", "REFUSED"):
        with pytest.raises(ParseError, match=status):
            parse_answer(HEAD.format(status))
    with pytest.raises(ParseError, match="none"):
        parse_answer("")


def test_a_move_is_one_update_with_the_time_of_the_inventory() -> None:
    assert update_text("naskah-db.pmk.test", "198.18.20.11", 30).splitlines() == [
        "zone naskah-db.pmk.test",
        "update delete naskah-db.pmk.test. A",
        "update add naskah-db.pmk.test. 30 A 198.18.20.11",
        "send",
    ]


def test_what_a_name_answers_by_the_inventory() -> None:
    assert BOOK.expected("naskah.pmk.test") == NameAnswer(addresses=("198.18.100.10",), ttl_seconds=60)
    assert BOOK.expected("naskah-db.pmk.test") == NameAnswer(addresses=("198.18.10.11",), ttl_seconds=30)
    assert BOOK.expected("naskah-db.pmk.test", "drc").addresses == ("198.18.20.11",)


@pytest.mark.parametrize(
    ("name", "site", "message"),
    [
        ("naskah.pmk.test", "drc", "is no name that can be moved"),
        ("naskah-bd.pmk.test", "drc", 'Did you mean "naskah-db.pmk.test"'),
        ("naskah-db.pmk.test", "pdn", 'has no device at "pdn". Sites: jkt, drc.'),
    ],
)
def test_a_name_that_cannot_be_moved_there_is_usage(name: str, site: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        BOOK.at(name, site)

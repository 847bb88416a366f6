"""Completeness, redaction and the recorded outputs of real routers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from dcops.core.errors import ParseError, SpecError
from dcops.network.parse import incompleteness, make_capture, parse_bgp_summary, redact
from dcops.network.platforms.rules import platform, platform_names

FRR = platform("frr")
RECORDED = Path(__file__).resolve().parents[2] / "recorded" / "frr"
GOOD = "Building configuration...\n\nCurrent configuration:\n!\nfrr version 10.3\nhostname r1\n!\nend\n"


def test_a_whole_configuration_has_nothing_against_it() -> None:
    assert incompleteness(FRR, GOOD, GOOD) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the device printed nothing"),
        (GOOD.replace("end\n", ""), 'the last line is not "end"'),
        (GOOD.replace("hostname", "% Unknown command\nhostname"), "an error line: % Unknown command"),
        (GOOD.replace("hostname", "--More--\nhostname"), "pager text inside"),
    ],
)
def test_why_a_text_is_doubted(text: str, reason: str) -> None:
    assert reason in incompleteness(FRR, text, None)


def test_a_text_under_half_of_the_last_good_one_is_doubted() -> None:
    reasons = incompleteness(FRR, GOOD, GOOD * 3)
    assert reasons == (f"{len(GOOD)} bytes, under half of the last good copy ({3 * len(GOOD)})",)


SECRET = "canary-9f31"


@pytest.mark.parametrize(
    "line",
    [
        f" neighbor 198.18.250.1 password {SECRET}",
        f"password {SECRET}",
        f"enable password 8 {SECRET}",
        f"  key-string {SECRET}",
        f" ip ospf message-digest-key 1 md5 {SECRET}",
        f" isis password md5 {SECRET}",
        f"snmp-server community {SECRET}",
    ],
)
def test_a_secret_becomes_a_keyed_hash_that_changes_with_it(line: str) -> None:
    first, count = redact(FRR, line, b"key")
    assert SECRET not in first
    assert count == 1
    assert "<secret:" in first
    assert redact(FRR, line, b"key")[0] == first
    assert redact(FRR, line.replace(SECRET, "another"), b"key")[0] != first
    assert redact(FRR, line, b"other key")[0] != first
    assert redact(FRR, first, b"key") == (first, 0)


def test_a_capture_leaves_out_what_changes_by_itself() -> None:
    first = make_capture(FRR, "r1", GOOD, None, b"k")
    second = make_capture(FRR, "r1", "\r\n" + GOOD.replace("\n", "\r\n") + "\r\n", None, b"k")
    assert first == second
    assert first.text.startswith("frr version")


def test_an_unreadable_summary_is_an_error_with_its_place() -> None:
    with pytest.raises(ParseError, match="r1: unreadable BGP summary"):
        parse_bgp_summary('{"peers": {"198.18.250.1": {}}}', "r1")


def test_a_router_without_bgp_has_no_sessions() -> None:
    assert parse_bgp_summary("{}", "r1") == ()


def cases(getter: str) -> list[Path]:
    return sorted(path for path in (RECORDED / getter).glob("*") if path.is_dir())


@pytest.mark.parametrize("case", cases("bgp_summary"), ids=lambda path: path.name)
def test_recorded_bgp_summaries(case: Path) -> None:
    found = [asdict(peer) for peer in parse_bgp_summary((case / "output.txt").read_text(), case.name)]
    assert found == json.loads((case / "expected.json").read_text())


@pytest.mark.parametrize("case", cases("running_config"), ids=lambda path: path.name)
def test_recorded_configurations(case: Path) -> None:
    text = (case / "output.txt").read_text()
    expected = json.loads((case / "expected.json").read_text())
    assert list(incompleteness(FRR, text, None)) == expected["reasons"]
    assert make_capture(FRR, "r1", text, None, b"k").lines == expected["lines"]


def test_platforms_are_found_by_listing_and_an_unknown_one_is_an_error() -> None:
    assert platform_names() == ("frr",)
    with pytest.raises(SpecError, match='Did you mean "frr"'):
        platform("fr")

"""What every way into a network device must do: the fake, a real SSH session, the routers of the twin.

A subclass gives `reader`, `writer` and `target`; the only line these tests leave behind for a moment is a blackhole
route to an address nothing uses.
"""

from __future__ import annotations

import pytest

from dcops.network.errors import LineRefused
from dcops.network.model import Target
from dcops.network.parse import incompleteness, parse_bgp_summary
from dcops.network.platforms.rules import platform
from dcops.network.ports import OpenReader, OpenWriter

FRR = platform("frr")
ROUTE = "ip route 198.18.100.253/32 blackhole"


class NetworkSessionContract:
    def test_the_running_configuration_is_whole(self, reader: OpenReader, target: Target) -> None:
        with reader(target) as session:
            text = session.read_running()
        assert incompleteness(FRR, text, None) == ()
        assert f"hostname {target.name}" in text

    def test_reading_twice_gives_the_same_state(self, reader: OpenReader, target: Target) -> None:
        with reader(target) as session:
            first, second = session.read_running(), session.read_running()
        assert FRR.state_hash(first) == FRR.state_hash(second)

    def test_bgp_can_be_read(self, reader: OpenReader, target: Target) -> None:
        with reader(target) as session:
            parse_bgp_summary(session.show("bgp_summary"), target.name)

    def test_the_version_names_the_system(self, reader: OpenReader, target: Target) -> None:
        with reader(target) as session:
            assert "FRRouting" in session.show("version")

    def test_a_reader_cannot_write(self, reader: OpenReader, target: Target) -> None:
        with reader(target) as session:
            assert not hasattr(session, "configure")
            assert not hasattr(session, "save")

    def test_a_line_taken_is_shown_and_can_be_taken_back(self, writer: OpenWriter, target: Target) -> None:
        with writer(target) as session:
            before = session.read_running()
            session.configure([ROUTE])
            try:
                assert ROUTE in session.read_running().splitlines()
            finally:
                session.configure([f"no {ROUTE}"])
            assert FRR.state_hash(session.read_running()) == FRR.state_hash(before)

    def test_a_refused_line_is_an_error_and_the_lines_before_it_count(self, writer: OpenWriter, target: Target) -> None:
        with writer(target) as session:
            before = session.read_running()
            with pytest.raises(LineRefused, match="no such statement at all") as caught:
                session.configure([ROUTE, "no such statement at all", "ip route 198.18.100.252/32 blackhole"])
            try:
                assert caught.value.line == "no such statement at all"
                assert target.name in str(caught.value)
                text = session.read_running()
                assert ROUTE in text
                assert "198.18.100.252" not in text
            finally:
                session.configure([f"no {ROUTE}"])
            assert FRR.state_hash(session.read_running()) == FRR.state_hash(before)

    def test_the_session_goes_on_after_a_refused_line(self, writer: OpenWriter, target: Target) -> None:
        with writer(target) as session:
            with pytest.raises(LineRefused):
                session.configure(["no such statement at all"])
            assert incompleteness(FRR, session.read_running(), None) == ()

    def test_saving_works(self, writer: OpenWriter, target: Target) -> None:
        with writer(target) as session:
            session.save()

"""A device is written on only as the one that was enrolled: real SSH, a real known_hosts, a journal in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcops.core.errors import Refused
from dcops.network.netmiko import NetmikoWriters
from dcops.records.kinds.enrolment import Enrolment
from dcops.wiring.enrolled_writers import EnrolledWriters
from tests.integration.network.test_netmiko import Bench, make_key


@dataclass
class Journal:
    kept: list[Any] = field(default_factory=list)

    def query(self, *, kind: str | None = None, is_newest_first: bool = False) -> list[Any]:
        found = [record for record in self.kept if record.kind == kind]
        return found[::-1] if is_newest_first else found

    def append(self, kind: str, payload: Any) -> None:
        Enrolment.model_validate(payload)
        self.kept.append(SimpleNamespace(kind=kind, payload=payload))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.server.close()


def writers(bench: Bench, journal: Journal) -> EnrolledWriters:
    return EnrolledWriters(NetmikoWriters(bench.settings), journal, bench.settings.known_hosts, "lab")


def test_the_first_write_enrols_and_later_ones_pass(bench: Bench) -> None:
    journal = Journal()
    for _ in range(2):
        with writers(bench, journal)(bench.target) as session:
            session.save()
    assert [record.payload["name"] for record in journal.kept] == ["r1"]
    assert bench.server.router.saved == 2


def test_a_changed_known_hosts_is_refused_before_a_session_and_nothing_is_touched(bench: Bench) -> None:
    journal = Journal()
    with writers(bench, journal)(bench.target):
        pass
    bench.record(make_key(bench.folder / "other"))
    sent = list(bench.server.router.sent)
    with pytest.raises(Refused, match="not the one it was enrolled with"), writers(bench, journal)(bench.target):
        pass
    assert bench.server.router.sent == sent
    assert len(journal.kept) == 1

"""A link's state from its checks; what is missing or stale is unknown, never well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dcops.core.errors import UsageError
from dcops.core.words import Status
from dcops.inventory import load
from dcops.registry.files import FileMemory
from dcops.registry.model import Check, CheckKind, LinkStatus, PublicApplication, Session
from dcops.registry.plan import aged, bgp_check, conclude, public_application, select
from dcops.registry.service import Ages, Board, applications, look_at

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def bgp(state: str, target: str = "jkt-rtr1 198.18.250.1") -> Check:
    return Check(
        kind=CheckKind.BGP, target=target, state=Status(state), detail="established" if state == "pass" else "x"
    )


def https(state: str) -> Check:
    return Check(kind=CheckKind.HTTPS, target="https://gw1.pdn.test/health", state=Status(state), detail="answers 200")


@pytest.mark.parametrize(
    ("checks", "state", "reason"),
    [
        ((), "unknown", "no probe is set"),
        ((bgp("pass"), bgp("pass"), https("pass")), "pass", "2 BGP sessions established"),
        (
            (bgp("pass"), bgp("fail", "jkt-rtr2 x"), https("pass")),
            "warn",
            "1 of 2 established, not jkt-rtr2",
        ),
        ((bgp("fail"), bgp("fail"), https("pass")), "fail", "none of 2 BGP sessions"),
        ((bgp("pass"), https("fail")), "fail", "https://gw1.pdn.test/health"),
        ((bgp("unknown"), bgp("pass"), https("pass")), "warn", "1 of 2 BGP sessions not known"),
        ((bgp("unknown"), bgp("fail"), https("pass")), "unknown", "1 of 2 BGP sessions not known"),
        ((bgp("unknown"), bgp("unknown"), https("pass")), "unknown", "2 of 2 BGP sessions not known"),
        ((bgp("unknown"), https("fail")), "fail", "https://gw1.pdn.test/health"),
        ((bgp("pass"), https("unknown")), "unknown", "https://gw1.pdn.test/health"),
        ((bgp("pass"),), "pass", "1 BGP session established"),
    ],
)
def test_what_a_link_is(checks: tuple[Check, ...], state: str, reason: str) -> None:
    found, said = conclude(checks)
    assert found is Status(state)
    assert reason in said


def test_the_order_of_checks_does_not_matter() -> None:
    checks = [bgp("pass"), bgp("fail"), https("pass")]
    assert conclude(checks)[0] is conclude(checks[::-1])[0]


def test_a_session_seen_too_long_ago_is_unknown() -> None:
    session = Session(router="r", peer="p", is_established=True, observed_at=NOW - timedelta(seconds=61))
    check = bgp_check(session, NOW, 60)
    assert check.state is Status.UNKNOWN
    assert "stale" in check.detail


def test_a_session_nobody_saw_is_unknown() -> None:
    assert bgp_check(Session(router="r", peer="p"), NOW, 60).state is Status.UNKNOWN


def test_a_status_past_its_time_is_unknown_by_itself() -> None:
    status = LinkStatus(state=Status.PASS, observed_at=NOW, stale_after=NOW + timedelta(seconds=60))
    assert aged(status, NOW + timedelta(seconds=60)).state is Status.PASS
    late = aged(status, NOW + timedelta(seconds=61))
    assert late.state is Status.UNKNOWN
    assert "it was pass" in late.reason


@pytest.fixture(scope="module")
def catalogue() -> tuple[PublicApplication, ...]:
    return applications(load(ROOT / "inventory" / "lab"))


def test_every_entry_of_the_catalogue_is_there(catalogue: tuple[PublicApplication, ...]) -> None:
    assert len(catalogue) == 27


def test_an_owner_is_told_only_where_somebody_named_one(catalogue: tuple[PublicApplication, ...]) -> None:
    assert next(item.id for item in catalogue if item.owner_unit) == "naskah_dinas_elektronik"
    found = {item.id for item in select(catalogue, owner="unknown", hosting="hosted")}
    assert found == {"kearsipan", "absensi", "sistem_penghubung_layanan"}  # the policy names none, and nobody else did


def test_conditions_are_all_to_be_met(catalogue: tuple[PublicApplication, ...]) -> None:
    assert [item.id for item in select(catalogue, hosting="hosted", text="surat naskah")] == []
    assert [item.id for item in select(catalogue, hosting="hosted", text="DINAS naskah")] == ["naskah_dinas_elektronik"]


def test_a_new_field_of_an_application_stays_hidden_until_it_is_allowed() -> None:
    inventory = load(ROOT / "inventory" / "lab")
    shown = public_application(inventory.applications["naskah_dinas_elektronik"]).model_dump_json()
    for hidden in ("jkt-app1", "198.18.", "8443", "notes", "hosts", "endpoints"):
        assert hidden not in shown


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Seen:
    """Sessions, an HTTPS answer and a memory, as a test wants them."""

    def __init__(self) -> None:
        self.up: bool | None = True
        self.https = Status.PASS
        self.asked: list[tuple[str, str | None]] = []
        self.known: dict[str, tuple[Status, datetime]] = {}

    def read(self, wanted: dict[str, str]) -> list[Session]:
        return [Session(router=r, peer=p, is_established=self.up, observed_at=NOW) for r, p in wanted.items()]

    def ask(self, url: str, authority: str | None) -> Check:
        self.asked.append((url, authority))
        return https(self.https.value)

    def since(self, key: str, state: Status, now: datetime) -> datetime:
        if self.known.get(key, (None,))[0] is not state:
            self.known[key] = (state, now)
        return self.known[key][1]


def board(seen: Seen, clock: Clock) -> Board:
    inventory = load(ROOT / "inventory" / "lab")

    def look(upstream: object) -> LinkStatus:
        return look_at(upstream, sessions=seen, probe=seen, memory=seen, now=clock)  # type: ignore[arg-type]

    return Board(lambda: inventory, look, clock, Ages(reuse_seconds=5))


def test_pdn_is_well_when_all_four_sessions_and_the_gateway_are() -> None:
    seen, clock = Seen(), Clock()
    status = board(seen, clock).link("pdn").status
    assert status.state is Status.PASS
    assert [check.kind.value for check in status.checks] == ["bgp"] * 4 + ["https"]
    assert seen.asked == [("https://gw1.pdn.test/health", "file:pdn-ca.crt")]


def test_a_state_keeps_its_beginning_and_a_look_is_shared_for_a_while() -> None:
    seen, clock = Seen(), Clock()
    links = board(seen, clock)
    assert links.link("pdn").status.since == NOW
    clock.now += timedelta(seconds=4)
    links.link("pdn")
    assert len(seen.asked) == 1
    clock.now += timedelta(seconds=4)
    again = links.link("pdn").status
    assert len(seen.asked) == 2
    assert (again.since, again.observed_at) == (NOW, clock.now)
    seen.https = Status.FAIL
    clock.now += timedelta(seconds=6)
    assert links.link("pdn").status.since == clock.now


def test_links_without_a_probe_are_unknown_and_nobody_is_asked() -> None:
    seen = Seen()
    states = {link.id: link.status.state for link in board(seen, Clock()).links()}
    assert states == {"pdn": Status.PASS, "jip": Status.UNKNOWN, "splp": Status.UNKNOWN}


def test_an_unknown_link_is_named_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match='Did you mean "pdn"'):
        board(Seen(), Clock()).link("pnd")


def test_the_memory_outlives_the_process_and_survives_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "x" / "upstreams.json"
    later = NOW + timedelta(hours=1)
    assert FileMemory(path).since("pdn", Status.PASS, NOW) == NOW
    assert FileMemory(path).since("pdn", Status.PASS, later) == NOW
    assert FileMemory(path).since("pdn", Status.FAIL, later) == later
    path.write_text("{broken")
    assert FileMemory(path).since("pdn", Status.FAIL, later + timedelta(hours=1)) == later + timedelta(hours=1)


def test_a_memory_that_cannot_be_kept_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    memory = FileMemory(tmp_path / "in the way" / "upstreams.json")
    assert memory.since("pdn", Status.PASS, NOW) == NOW
    assert memory.since("pdn", Status.PASS, NOW + timedelta(hours=1)) == NOW
    (tmp_path / "upstreams.json").mkdir()  # nothing can be renamed over it
    assert FileMemory(tmp_path / "upstreams.json").since("pdn", Status.PASS, NOW) == NOW


def test_a_moment_that_is_none_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "upstreams.json").write_text('{"pdn": ["pass", "yesterday"]}')
    assert FileMemory(tmp_path / "upstreams.json").since("pdn", Status.PASS, NOW) == NOW

"""Promotion, hand-over and rebuilding ask both clusters first, and leave one that serves whatever fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcops.core.errors import CommandError, DcopsError, Refused
from dcops.core.words import Environment
from dcops.drills.context import DrillContext
from dcops.drills.model import Scope
from dcops.drills.service import draw
from dcops.runs.cancel import CancelToken
from dr_drills.actions import replication
from dr_drills.actions.naskah import SALVAGE, Salvage
from dr_drills.actions.replication import PROMOTE, REBUILD, SWITCH, Between
from dr_drills.clusters import lsn_number
from dr_drills.parameters import ClusterAt
from dr_drills.probes.replication import IS_PRIMARY, RECOVERED, REPLICATES, Follows

SCOPE = Scope.model_validate({"app": "a", "service": "naskah", "run_at": "drc", "from_site": "jkt", "to_site": "drc"})
STANDBY = ClusterAt(device="drc-db1", cluster="standby")
HOME = Between(device="jkt-db1", cluster="main", from_device="drc-db1", from_cluster="standby", within=0.0)
BACK = Between(device="drc-db1", cluster="standby", from_device="jkt-db1", from_cluster="main", within=0.0)
PORTS = {"jkt-db1": ("main", 5432), "drc-db1": ("standby", 5433)}


@dataclass
class Server:
    """One cluster: whether it runs, whether it is a stand-by, and where its log ends."""

    is_up: bool = True
    is_standby: bool = False
    lsn: str = "0/5000"
    timeline: int = 1
    system: str = "77"
    slots: list[str] = field(default_factory=list)
    is_rewindable: bool = True


@dataclass
class Pair:
    """The Hosts port over two servers."""

    jkt: Server = field(default_factory=lambda: Server(slots=["drc_db1_standby"]))
    drc: Server = field(default_factory=lambda: Server(is_standby=True))
    ran: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    is_readable: bool = True

    def _at(self, device: str) -> Server:
        return self.jkt if device == "jkt-db1" else self.drc

    def status(self, device: str, argv: Sequence[str]) -> int:
        server = self._at(device)
        return 0 if argv[1] != "is-active" or server.is_up else 3

    def run(self, device: str, argv: Sequence[str], *, input: bytes | None = None, timeout_seconds: float = 60) -> str:
        server, words = self._at(device), [each for each in argv if each not in ("runuser", "-u", "postgres", "--")]
        name, port = PORTS[device]
        program = words[0].rpartition("/")[2]
        if program == "pg_lsclusters":
            return f"17 {name} {port} online postgres /data/{name} /log\n"
        if program == "psql" and input is not None:
            self.scripts.append(input.decode())
            return "BEGIN\nINSERT 0 2\nINSERT 0 0\nCOMMIT\n"
        if program == "pg_ctl":
            self.ran.append(f"{device} pg_ctl {words[-1]}")
            self.options.append(" ".join(words))
            server.is_up = words[-1] == "start"
            return ""
        if program == "psql":
            return self._sql(server, device, words[-1].removeprefix("--command="))
        self.ran.append(f"{device} {program} {words[1] if len(words) > 1 else ''}".strip())
        if program == "systemctl":
            server.is_up = words[1] == "start" or (words[1] != "stop" and server.is_up)
        if program == "touch":
            server.is_standby = True
        if program == "postgres":
            return "host=partner\n"
        if program == "pg_controldata":
            lines = (f"Database system identifier:   {server.system}", "Database cluster state:   shut down",
                     f"Latest checkpoint location:   {server.lsn}")  # fmt: skip
            return "\n".join(lines)
        if program == "pg_rewind" and not server.is_rewindable:
            raise CommandError(["pg_rewind"], 1, "could not find common ancestor")
        return ""

    def _sql(self, server: Server, device: str, statement: str) -> str:
        if not server.is_up:
            raise CommandError(["psql"], 2, "no socket")
        if "pg_promote" in statement:
            self.ran.append(f"{device} promote")
            server.is_standby, server.timeline = False, server.timeline + 1
            return "t\n"
        if "pg_create_physical" in statement:
            server.slots.append(statement.partition("slot('")[2].partition("'")[0])
            return ""
        if "pg_drop_replication_slot" in statement:
            server.slots.clear()
            return "1\n"
        if statement.startswith("COPY"):
            if not self.is_readable:
                raise CommandError(["psql"], 1, "could not read block 7")
            return "77\tsecret\n" if "FROM surat" in statement else ""
        if "string_agg" in statement:
            return "id isi\n"
        role = "t" if server.is_standby else "f"
        streams = "streaming" if self.drc.is_up and self.drc.is_standby else ""
        newest = "1795500000.5"
        answers = {
            "receive_lsn()::text": f"{role}\t{server.lsn}", "system_identifier":
            f"{role}\t{server.system}\t{streams}", "walfile_name": f"{server.timeline:08X}\t{newest}",
            "transaction_read_only": role, "pg_is_in_recovery": role, "replay_lsn": server.lsn, "xact_replay": newest,
            "wal_receiver": "streaming" if server.is_standby else "", "current_wal": server.lsn,
        }  # fmt: skip
        return next((f"{answer}\n" for word, answer in answers.items() if word in statement), "")


def context(pair: Pair) -> DrillContext:
    absent = cast(Any, None)
    return DrillContext(
        run_id="RUN", scope=SCOPE, environment=Environment.TWIN, faults=absent, hosts=cast(Any, pair), recovery=absent,
        databases=absent, routes=absent, web=absent, observer=absent, random=draw(7), token=CancelToken(),
        say=lambda _: None,
    )  # fmt: skip


def test_a_promotion_tells_what_the_stand_by_had_got() -> None:
    pair = Pair(jkt=Server(is_up=False))
    drill = context(pair)
    drill.facts.put("follows", {"primary_lsn": "0/4FF0"})
    told = PROMOTE.run(drill, STANDBY)
    assert told.facts["newest_recovered"] == "2026-11-24T06:00:00.500000Z"
    assert (told.facts["timeline"], told.facts["received_lsn"]) == (2, "0/5000")
    assert told.facts["known_primary_lsn"] == "0/4FF0"
    again = PROMOTE.run(drill, STANDBY)
    assert pair.ran.count("drc-db1 promote") == 1, "a later process of the run does not promote twice"
    assert again.facts["newest_recovered"] == told.facts["newest_recovered"]


def test_a_hand_over_stops_the_one_that_serves_first_and_loses_nothing() -> None:
    pair = Pair(jkt=Server(is_standby=True), drc=Server())
    SWITCH.run(context(pair), HOME)
    assert pair.ran.index("drc-db1 systemctl stop") < pair.ran.index("jkt-db1 promote")
    assert (pair.jkt.is_standby, pair.drc.is_up) == (False, False)


def test_a_hand_over_to_one_that_is_behind_leaves_the_first_serving() -> None:
    pair = Pair(jkt=Server(is_standby=True, lsn="0/4000"), drc=Server(lsn="0/5000"))
    with pytest.raises(DcopsError, match=r"drc-db1/standby is shut down at 0/5000, which jkt-db1/main did not get"):
        SWITCH.run(context(pair), HOME)
    assert pair.jkt.is_standby
    assert pair.drc.is_up
    assert not pair.drc.is_standby


def test_a_hand_over_is_refused_where_two_serve_or_none() -> None:
    both, none = Pair(drc=Server()), Pair(jkt=Server(is_standby=True))
    with pytest.raises(Refused, match="both serve"):
        SWITCH.run(context(both), HOME)
    with pytest.raises(Refused, match="neither"):
        SWITCH.run(context(none), HOME)
    assert both.ran + none.ran == []


def test_a_hand_over_that_was_done_is_not_done_again() -> None:
    pair = Pair(drc=Server(is_up=False))
    assert "serves already" in SWITCH.run(context(pair), HOME).detail
    assert pair.ran == []


@pytest.mark.parametrize(("is_rewindable", "how"), [(True, "rewound"), (False, "copied anew")])
def test_a_stand_by_is_rewound_or_copied_and_has_its_slot(*, is_rewindable: bool, how: str) -> None:
    pair = Pair(drc=Server(is_up=False, is_rewindable=is_rewindable, slots=["jkt_db1_main"]), jkt=Server())
    told = REBUILD.run(context(pair), BACK)
    assert told.facts["rebuilt_by"] == how
    assert pair.jkt.slots == ["drc_db1_standby"]
    assert pair.drc.is_standby
    assert pair.drc.slots == [], "a slot of the time when it served would keep its log for ever"
    assert ("drc-db1 pg_basebackup" in "\n".join(pair.ran)) is not is_rewindable


def test_the_data_of_another_database_is_never_replaced() -> None:
    pair = Pair(drc=Server(is_up=False, system="78", is_rewindable=False), jkt=Server())
    with pytest.raises(Refused, match=r"it is of system 78, jkt-db1/main of 77"):
        REBUILD.run(context(pair), BACK)
    assert {each.split()[1] for each in pair.ran} == {"pg_controldata"}


def test_nothing_is_rebuilt_of_one_that_does_not_serve() -> None:
    pair = Pair()
    assert REBUILD.run(context(pair), HOME).facts["rebuilt_by"] == "nothing"
    assert pair.ran == []


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (Pair(), ""),
        (Pair(drc=Server(is_standby=False)), "other_role"),
        (Pair(drc=Server(is_up=False, is_standby=True)), "other_role"),
        (Pair(drc=Server(is_standby=True, system="78")), "other_system"),
        (Pair(drc=Server(is_standby=True, lsn="0/4000")), "behind"),
    ],
)
def test_a_stand_by_follows_or_the_probe_says_why_not(pair: Pair, reason: str) -> None:
    follows = Follows(device="drc-db1", cluster="standby", from_device="jkt-db1", from_cluster="main", lag=0.0)
    found = REPLICATES.run(context(pair), follows)
    assert (found.is_ok, found.reason) == (reason == "", reason)


def test_what_serves_is_told_from_what_does_not() -> None:
    assert IS_PRIMARY.run(context(Pair()), ClusterAt(device="jkt-db1", cluster="main")).is_ok
    assert IS_PRIMARY.run(context(Pair()), STANDBY).reason == "read_only"
    assert IS_PRIMARY.run(context(Pair(drc=Server(is_up=False))), STANDBY).reason == "down"
    assert RECOVERED.run(context(Pair()), STANDBY).reason == "not_promoted"
    assert (
        RECOVERED.run(context(Pair(drc=Server())), STANDBY).facts["newest_recovered"] == "2026-11-24T06:00:00.500000Z"
    )


SALVAGE_OLD = Salvage(
    device="jkt-db1", cluster="main", database="naskah", to_device="drc-db1", to_cluster="standby", within=0.0
)


def salvaging(pair: Pair) -> DrillContext:
    found = context(pair)
    newest = datetime(2026, 11, 24, tzinfo=UTC)
    found.point = cast(Any, SimpleNamespace(newest=newest, snapshot_at=newest))
    return found


def test_what_only_the_old_primary_has_is_brought_over_while_nobody_can_reach_it() -> None:
    pair = Pair(jkt=Server(is_up=False), drc=Server())
    told = SALVAGE.run(salvaging(pair), SALVAGE_OLD)
    assert told.facts["salvaged_letters"] == 2
    assert "listen_addresses=''" in pair.options[0]
    assert "default_transaction_read_only=on" in pair.options[0]
    assert pair.ran == ["jkt-db1 systemctl stop", "jkt-db1 pg_ctl start", "jkt-db1 pg_ctl stop"]
    assert "77\tsecret" in pair.scripts[0]
    assert "ON CONFLICT DO NOTHING" in pair.scripts[0]


def test_an_old_primary_that_cannot_be_read_is_stopped_again() -> None:
    pair = Pair(jkt=Server(is_up=False), drc=Server(), is_readable=False)
    with pytest.raises(CommandError, match="block 7"):
        SALVAGE.run(salvaging(pair), SALVAGE_OLD)
    assert pair.ran[-1] == "jkt-db1 pg_ctl stop"
    assert pair.scripts == []


@pytest.mark.parametrize("pair", [Pair(), Pair(jkt=Server(is_standby=True), drc=Server())])
def test_nothing_is_salvaged_of_one_that_serves_or_follows(pair: Pair) -> None:
    assert SALVAGE.run(salvaging(pair), SALVAGE_OLD).facts["salvaged_letters"] == 0
    assert pair.ran == []


def test_a_place_in_the_log_is_a_number() -> None:
    assert lsn_number("1/0000000A") - lsn_number("0/FFFFFFFF") == 11
    assert replication.PROMOTE.promotes

"""absensi, served as on a node, on a real MariaDB."""

import signal
import time
import uuid

import pytest

from tests.integration.mariadb_server import MariadbServer
from tests.integration.webapps.conftest import Service, permit


def entry(**changed: str) -> dict[str, str]:
    return {
        "id": str(uuid.uuid4()),
        "pegawai": "P0001",
        "jenis": "masuk",
        "waktu": "2026-11-24T07:30:00+07:00",
        **changed,
    }


@pytest.fixture(scope="module")
def served(absensi: Service, mariadb: MariadbServer) -> Service:
    """Made on the way: tables and entries come once, and without tables the application is not healthy."""
    absensi.start()
    status, body = absensi.call("GET", "/sehat")
    assert (status, body["reason"]) == (503, "the database has no tables of this application")
    assert absensi.tool("schema", "--check").stdout == "changed\n"
    assert mariadb.sql("show tables", "absensi") == ""
    assert [absensi.tool("schema").stdout for _ in range(2)] == ["changed\n", "unchanged\n"]
    seeded = [absensi.tool("seed", "--entries", count).stdout for count in ("90", "100")]
    assert seeded == ["entries added 90\n", "entries added 10\n"]
    return absensi


@pytest.fixture(autouse=True)
def clean(served: Service, mariadb: MariadbServer) -> None:
    mariadb.sql("delete from kehadiran where waktu > '2026-11-01'", "absensi")
    permit(served.folder.parent, 600)


def test_an_entry_is_committed_before_it_is_acknowledged(served: Service, mariadb: MariadbServer) -> None:
    sent = entry()
    status, first = served.call("POST", "/absensi", sent)
    assert (status, first["id"], first["diterima_di"]) == (201, sent["id"], "jkt")
    assert (
        mariadb.sql(f"select waktu from kehadiran where id = '{sent['id']}'", "absensi") == "2026-11-24 00:30:00.000000"
    )
    assert served.call("POST", "/absensi", sent) == (201, first)
    assert served.call("POST", "/absensi", {**sent, "jenis": "pulang"})[0] == 409
    assert served.call("GET", f"/absensi/{sent['id']}")[1]["waktu"] == "2026-11-24T00:30:00Z"
    assert served.call("GET", f"/absensi/{uuid.uuid4()}")[0] == 404
    newest = served.call("GET", f"/absensi?sejak={first['diterima_pada']}")[1]["absensi"]
    assert [each["id"] for each in newest] == [sent["id"]]
    day = served.call("GET", "/ringkasan?tanggal=2026-11-24")[1]
    assert day == {"tanggal": "2026-11-24", "pegawai": 1, "masuk": 1, "pulang": 0}


def test_a_wrong_entry_is_refused_by_name(served: Service) -> None:
    wrong: list[tuple[dict[str, str], str]] = [
        ({"id": "1"}, "id must be a UUID"),
        ({"jenis": "cuti"}, "jenis must be masuk or pulang"),
        ({"waktu": "2026-11-24T07:30:00"}, "waktu must name its zone"),
        ({"pegawai": "X9"}, "pegawai X9 is not known"),
        ({"nama": "x"}, "unknown field nama"),
    ]
    for changed, reason in wrong:
        status, body = served.call("POST", "/absensi", entry(**changed))
        assert (status, reason in body["reason"]) == (400, True), body


def test_a_dead_a_silent_and_a_returned_server_are_told_apart_in_time(served: Service, mariadb: MariadbServer) -> None:
    assert served.call("GET", "/sehat")[1] == {"status": "ok", "site": "jkt", "database": "ok", "entries": 100}
    assert mariadb.process is not None
    mariadb.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        status, body = served.call("GET", "/sehat")
        assert (status, body["database"]) == (503, "error")
        assert time.monotonic() - began < 4
    finally:
        mariadb.process.send_signal(signal.SIGCONT)
    assert served.call("GET", "/sehat")[0] == 200
    mariadb.stop()
    try:
        assert served.call("POST", "/absensi", entry())[0] == 503
        assert b"absensi_database_up 0" in served.call("GET", "/metrics")[1]
    finally:
        mariadb.start()
    assert served.call("POST", "/absensi", entry())[0] == 201
    assert b"absensi_database_up 1\n" in served.call("GET", "/metrics")[1]


def test_without_the_site_permit_it_reads_and_accepts_nothing(served: Service, mariadb: MariadbServer) -> None:
    permit(served.folder.parent, -1)
    status, body = served.call("POST", "/absensi", entry())
    assert (status, body["reason"]) == (503, "this site may not accept writes: it has no permit")
    assert mariadb.sql("select count(*) from kehadiran", "absensi") == "100"
    assert served.call("GET", "/sehat")[0] == 503
    assert served.call("GET", "/ringkasan")[0] == 200
    assert b"absensi_permitted 0\n" in served.call("GET", "/metrics")[1]


def test_tables_of_another_version_are_left_alone(served: Service, mariadb: MariadbServer) -> None:
    mariadb.sql("update skema_versi set versi = 7", "absensi")
    try:
        done = served.tool("schema")
        assert (done.returncode, done.stderr) == (1, "absensi-skema: the tables have version 7, this program knows 1\n")
        assert served.call("GET", "/sehat")[1]["reason"] == "the tables have version 7, this program needs 1"
    finally:
        mariadb.sql("update skema_versi set versi = 1", "absensi")

"""The application against a real database: what it acknowledges is there, what it cannot keep it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import PASSWORD, Site


def letter(**changes: str) -> dict[str, str]:
    base = {"nomor": "ND-1/2026", "perihal": "Undangan rapat", "pengirim": "Biro Umum", "penerima": "Pusdatin"}
    return {"id": str(uuid.uuid4()), **base, "isi": "Dengan hormat", **changes}


@pytest.fixture
def served(site: Site) -> Site:
    assert site.run("naskah.schema").stdout == "changed\n"
    site.start()
    return site


def test_schema_is_made_once(site: Site) -> None:
    assert [site.run("naskah.schema").stdout for _ in range(2)] == ["changed\n", "unchanged\n"]
    site.cluster.sql("update skema_versi set versi = 9")
    refused = site.run("naskah.schema")
    assert refused.returncode == 1
    assert refused.stderr == "naskah-skema: the tables have version 9, this program knows 1\n"


def test_letter_and_attachment_come_back(served: Site) -> None:
    sent, content = letter(), os.urandom(200_000)
    status, answer = served.send(sent, {"surat.pdf": content})
    assert (status, answer["id"], answer["diterima_di"]) == (201, sent["id"], "jkt")
    sha256 = hashlib.sha256(content).hexdigest()
    status, found = served.call("GET", f"/surat/{sent['id']}")
    assert status == 200
    assert found["lampiran"] == [{"sha256": sha256, "nama": "surat.pdf", "ukuran": 200_000}]
    assert {key: found[key] for key in sent} == sent
    assert found["diterima_pada"] == answer["diterima_pada"]
    assert served.call("GET", f"/surat/{sent['id']}/lampiran/{sha256}") == (200, content)
    assert (served.folder / "lampiran" / sha256[:2] / sha256).read_bytes() == content
    assert list((served.folder / "lampiran/tmp").iterdir()) == []


def test_sending_again_is_harmless_and_another_content_is_refused(served: Site) -> None:
    sent = letter()
    first, again = served.send(sent, {"a": b"x"}), served.send(sent, {"a": b"x"})
    assert first == again
    assert served.send({**sent, "isi": "lain"}, {"a": b"x"})[0] == 409
    assert served.send(sent)[0] == 409
    assert served.send(sent, {"a": b"y"})[0] == 409
    assert served.cluster.sql("select count(*) from surat") == "1"


def test_two_letters_may_carry_the_same_file(served: Site) -> None:
    assert [served.send(letter(), {"a": b"same"})[0] for _ in range(2)] == [201, 201]
    assert served.cluster.sql("select count(*), count(distinct sha256) from lampiran") == "2|1"


def test_concurrent_senders_of_one_letter_get_one_row(served: Site) -> None:
    sent = letter()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: served.send(sent), range(16)))
    assert {status for status, _ in answers} == {201}
    assert len({answer["diterima_pada"] for _, answer in answers}) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({**letter(), "id": "7"}, "id must be a UUID"),
        ({**letter(), "isi": ""}, "isi must be a text that is not empty"),
        ({**letter(), "cc": "x"}, "unknown field cc"),
        (["x"], "the letter must be a JSON object"),
    ],
)
def test_a_wrong_letter_is_refused_by_name(served: Site, body: dict[str, str], reason: str) -> None:
    assert served.send(body) == (400, {"status": "error", "reason": reason})


def test_list_and_missing_things(served: Site) -> None:
    sent = letter()
    moment = served.send(sent)[1]["diterima_pada"]
    assert [item["id"] for item in served.call("GET", f"/surat?sejak={moment}")[1]["surat"]] == [sent["id"]]
    assert served.call("GET", "/surat?sejak=2999-01-01T00:00:00Z")[1] == {"surat": []}
    assert served.call("GET", "/surat?sejak=kemarin")[0] == 400
    assert served.call("GET", f"/surat/{uuid.uuid4()}")[0] == 404
    assert served.call("GET", f"/surat/{sent['id']}/lampiran/{'0' * 64}")[0] == 404
    assert served.call("GET", "/lain")[0] == 404


def test_health_names_what_is_wrong(site: Site) -> None:
    site.start()
    status, body = site.call("GET", "/sehat")
    assert (status, body["reason"]) == (503, "the database has no tables of this application")
    site.run("naskah.schema")
    assert site.call("GET", "/sehat") == (200, {"status": "ok", "site": "jkt", "database": "ok", "letters": 0})
    site.cluster.sql("alter database naskah set default_transaction_read_only = on")
    assert b"naskah_database_up 1" in site.call("GET", "/metrics")[1]


def test_a_stopped_database_is_seen_at_once_and_found_again(served: Site) -> None:
    assert served.call("GET", "/sehat")[0] == 200
    served.cluster.stop()
    try:
        start = time.monotonic()
        assert served.call("GET", "/sehat")[0] == 503
        assert served.send(letter())[0] == 503
        assert time.monotonic() - start < 2
    finally:
        served.cluster.start()
    assert served.send(letter())[0] == 201
    assert served.call("GET", "/sehat")[1]["letters"] == 1


def test_a_hung_database_is_seen_within_two_seconds(served: Site) -> None:
    """Every server process stopped: TCP answers, PostgreSQL never does."""
    sent = letter()
    assert served.send(sent)[0] == 201
    frozen = _family(served.cluster.postmaster())
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        for call in (lambda: served.call("GET", "/sehat"), lambda: served.send(letter())):
            start = time.monotonic()
            assert call()[0] == 503
            assert time.monotonic() - start < 2.6  # 2 s, and what this machine's load adds
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    assert served.send(sent)[0] == 201


def _family(pid: int) -> list[int]:
    children = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *children]


def test_a_full_disk_refuses_and_leaves_nothing(served: Site) -> None:
    (served.folder / "lampiran/tmp").write_text("in the way of the folder")
    status, body = served.send(letter(), {"a": b"x"})
    assert (status, body["reason"]) == (507, "attachments: File exists")
    assert served.cluster.sql("select count(*) from surat") == "0"


def test_seed_is_complete_idempotent_and_does_not_compress(site: Site) -> None:
    site.run("naskah.schema")
    done = site.run("naskah.seed", "--letters-megabytes", "5", "--attachments", "40")
    assert done.stdout == "letters added 153, attachments added 40\n", done.stderr
    assert int(site.cluster.sql("select sum(length(isi)) from surat")) >= 5_000_000
    assert int(site.cluster.sql("select pg_total_relation_size('surat')")) >= 5_000_000
    site.cluster.sql("delete from lampiran where sha256 = (select min(sha256) from lampiran)")
    again = site.run("naskah.seed", "--letters-megabytes", "5", "--attachments", "40")
    assert again.stdout == "letters added 0, attachments added 1\n"
    for name in site.cluster.sql("select sha256 from lampiran").splitlines():
        content = (site.folder / "lampiran" / name[:2] / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == name


def test_the_password_is_in_no_argv_environment_or_answer(served: Site) -> None:
    assert served.process is not None
    for pid in _family(served.process.pid):
        for name in ("cmdline", "environ"):
            assert PASSWORD.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    served.cluster.sql("alter role naskah password 'other'")
    try:
        served.cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'naskah'")
        status, body = served.call("GET", "/sehat")
        assert status == 503
        assert "password authentication failed" in body["reason"]
        assert PASSWORD not in body["reason"]
    finally:
        served.cluster.sql(f"alter role naskah password '{PASSWORD}'")
    assert PASSWORD not in (served.folder / "log").read_text()


def permit(site: Site, seconds: float) -> None:
    until = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    (site.folder / "permit").write_text(json.dumps({"site": "jkt", "epoch": 0, "until": until}))


def test_without_a_fresh_permit_nothing_is_accepted(site: Site) -> None:
    config = site.folder / "naskah.ini"
    config.write_text(config.read_text().replace("site = jkt", f"site = jkt\npermit = {site.folder / 'permit'}"))
    site.run("naskah.schema")
    site.start()
    sent = letter()
    for prepare in (lambda: None, lambda: permit(site, -1), lambda: (site.folder / "permit").write_text("{")):
        prepare()
        status, answer = site.send(sent)
        assert (status, answer["reason"]) == (503, "this site may not accept letters: it has no permit")
    assert site.call("GET", "/sehat")[0] == 503
    assert site.cluster.sql("select count(*) from surat").strip() == "0"
    permit(site, 20)
    assert site.send(sent)[0] == 201
    assert site.call("GET", f"/surat/{sent['id']}")[0] == 200
    permit(site, -1)
    assert site.call("GET", f"/surat/{sent['id']}")[0] == 200, "reading needs no permit"

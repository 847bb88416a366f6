"""kearsipan and the service in front, with the real naskah and absensi behind them."""

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.naskah.conftest import Site
from tests.integration.webapps.conftest import Service

CONTENT = b"attachment of a letter"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def letter(site: Site, kearsipan: Service) -> str:
    assert site.run("naskah.schema").returncode == 0
    site.start()
    letter_id = str(uuid.uuid4())
    fields = dict.fromkeys(("nomor", "perihal", "pengirim", "penerima", "isi"), "x")
    assert site.send({"id": letter_id, **fields}, {"a.pdf": CONTENT})[0] == 201
    kearsipan.start()
    return letter_id


def wanted(letter: str, **changed: str) -> dict[str, str]:
    return {"id": str(uuid.uuid4()), "surat_id": letter, "sha256": SHA256, "klasifikasi": "KP.01", **changed}


def test_a_document_is_a_letters_attachment(kearsipan: Service, letter: str) -> None:
    sent = wanted(letter)
    status, first = kearsipan.call("POST", "/arsip", sent)
    assert (status, first["id"], first["diarsipkan_di"]) == (201, sent["id"], "jkt")
    stored = kearsipan.folder / "data/arsip" / SHA256[:2] / SHA256
    assert stored.read_bytes() == CONTENT
    assert kearsipan.call("POST", "/arsip", sent) == (201, first)
    assert kearsipan.call("POST", "/arsip", {**sent, "klasifikasi": "other"})[0] == 409
    assert kearsipan.call("GET", f"/arsip/{sent['id']}")[1]["nama"] == "a.pdf"
    assert kearsipan.call("GET", f"/arsip/{sent['id']}/berkas") == (200, CONTENT)
    assert [each["id"] for each in kearsipan.call("GET", "/arsip")[1]["arsip"]] == [sent["id"]]
    assert kearsipan.call("GET", "/sehat")[1] == {"status": "ok", "site": "jkt", "documents": 1}
    stored.unlink()
    assert kearsipan.call("GET", f"/arsip/{sent['id']}/berkas")[0] == 410


def test_what_naskah_does_not_hold_is_not_archived(kearsipan: Service, site: Site, letter: str) -> None:
    for changed, reason in (
        ({"surat_id": str(uuid.uuid4())}, "surat_id is no letter in naskah"),
        ({"sha256": "0" * 64}, "sha256 is no attachment of this letter"),
        ({"sha256": "../../etc"}, "sha256 must be 64 hexadecimal digits"),
    ):
        status, body = kearsipan.call("POST", "/arsip", wanted(letter, **changed))
        assert (status, body["reason"]) == (400, reason)
    (site.folder / "lampiran" / SHA256[:2] / SHA256).write_bytes(b"damaged")
    status, body = kearsipan.call("POST", "/arsip", wanted(letter))
    assert (status, body["reason"]) == (503, "naskah: the attachment's bytes are not those of its hash")
    site.stop()
    assert kearsipan.call("POST", "/arsip", wanted(letter))[0] == 503
    assert kearsipan.call("GET", "/sehat")[1]["documents"] == 0


def test_seeding_archives_letters_attachments_once(kearsipan: Service, site: Site, letter: str) -> None:
    assert kearsipan.tool("seed").stdout == "documents added 1\n"
    assert kearsipan.tool("seed").stdout == "documents added 0\n"
    site.stop()
    done = kearsipan.tool("seed")
    assert done.returncode == 1
    assert done.stderr.startswith("kearsipan-isi: ")


def test_without_its_store_it_is_not_healthy(kearsipan: Service, letter: str) -> None:
    (kearsipan.folder / "data/arsip").rmdir()
    status, body = kearsipan.call("GET", "/sehat")
    assert (status, body["reason"]) == (503, "the file store cannot be written")
    (kearsipan.folder / "data/indeks.db").write_bytes(b"no database")
    assert kearsipan.call("GET", "/sehat")[1]["reason"].startswith("index: ")


@pytest.fixture
def penghubung(site: Site, absensi: Service, kearsipan: Service, tmp_path: Path) -> Iterator[Service]:
    authorities = b"".join(path.read_bytes() for path in (site.certificate, absensi.certificate, kearsipan.certificate))
    (tmp_path / "behind.crt").write_bytes(authorities)
    targets = f"naskah = https://127.0.0.1:1 https://127.0.0.1:{site.port}\nabsensi = {absensi.url}\n"
    ini = f"ca = {tmp_path / 'behind.crt'}\n[targets]\n{targets}kearsipan = {kearsipan.url}\n"
    made = Service("penghubung", tmp_path / "penghubung", ini)
    yield made
    made.stop()


def test_one_view_over_the_others_says_what_is_lacking(
    penghubung: Service, absensi: Service, kearsipan: Service, letter: str
) -> None:
    for module in ("schema", "seed"):
        assert absensi.tool(module).returncode == 0
    absensi.start()
    kearsipan.call("POST", "/arsip", wanted(letter))
    penghubung.start()
    assert penghubung.call("GET", "/sehat")[1] == {"status": "ok", "site": "jkt", "behind": 3, "lacking": 0}
    status, view = penghubung.call("GET", "/layanan?tanggal=2026-01-05")
    assert status == 200
    assert view["tidak_terjangkau"] == []
    # naskah answers at its second address: the first is one this node would hold itself
    assert view["layanan"] == {
        "naskah": {"jumlah_surat": 1, "situs": "jkt"},
        "absensi": {"jumlah_absensi": 4000, "situs": "jkt", "pegawai_hari_itu": 40, "masuk": 40, "pulang": 40},
        "kearsipan": {"jumlah_arsip": 1, "situs": "jkt"},
    }
    absensi.stop()
    status, view = penghubung.call("GET", "/layanan")
    assert (status, view["layanan"]["absensi"]) == (502, None)
    assert view["layanan"]["naskah"]["jumlah_surat"] == 1
    assert [line.partition(":")[0] for line in view["tidak_terjangkau"]] == ["absensi"]
    status, body = penghubung.call("GET", "/sehat")
    assert (status, body["lacking"]) == (503, 1)

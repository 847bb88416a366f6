"""Reports as their readers get them: the page, the PDF read back with poppler, and with nothing but a bundle."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dcops.cli.main import run
from dcops.core.errors import DcopsError
from dcops.reports.weasyprint_pdf import html_to_pdf


@pytest.fixture
def dcops(cli: Any, capsys: pytest.CaptureFixture[str]) -> Any:
    """`dcops drill ...` with the state that `cli` has."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["drill", *arguments])
        return code, *capsys.readouterr()

    return call


def pages_of(pdf: Path) -> list[str]:
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, timeout=30).stdout
    return [" ".join(page.split()) for page in text.decode().split("\f") if page.strip()]


def test_a_stranger_gets_the_report_from_the_file_alone(
    dcops: Any, bundle: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCOPS_STATE", str(tmp_path / "elsewhere"))
    html, pdf = tmp_path / "r.html", tmp_path / "r.pdf"
    code, out, err = dcops("evidence", "report", str(bundle), "--html", str(html), "--pdf", str(pdf))
    assert code == 0, err
    assert "NOT TRUSTED" in out
    assert "TIDAK DIPERCAYA" in html.read_text()
    assert "Kehilangan basis data naskah dinas" in html.read_text()
    pages = pages_of(pdf)
    assert len(pages) >= 2
    assert all("GLADI / REHEARSAL" in page for page in pages)
    assert all(f"{number} dari {len(pages)}" in page for number, page in enumerate(pages, 1))
    assert all(part in pages[0] for part in ("PASS · LULUS", "57,5 dtk", "15 mnt 00 dtk", "Kelas stempel waktu none"))
    assert not (tmp_path / "elsewhere").exists()
    code, out, _ = dcops("report", str(bundle), "--lang", "en", "--html", str(html), "--key", str(public), "--json")
    assert (code, json.loads(out)["voucher"], json.loads(out)["time_stamp"]) == (0, "given", "none")
    assert "checked by the public key that was given" in html.read_text()


def test_an_invalid_bundle_gives_no_report(dcops: Any, bundle: Path, tmp_path: Path) -> None:
    bundle.write_bytes(bundle.read_bytes().replace(b"PASS", b"FAIL", 1))
    code, out, err = dcops("evidence", "report", str(bundle), "--html", str(tmp_path / "r.html"))
    assert (code, out, len(err.splitlines())) == (30, "", 1)
    assert not (tmp_path / "r.html").exists()


def test_where_it_ran_the_report_comes_from_the_journal(dcops: Any, run_id: str, tmp_path: Path) -> None:
    html = tmp_path / "r.html"
    code, out, _ = dcops("report", run_id[-8:], "--html", str(html), "--lang", "en", "-i", "lab", "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["run"], found["chain_head"].split(":")[0]) == (
        0,
        "PASS",
        run_id,
        found["voucher"],
    )
    page = html.read_text()
    assert "The database of official letters is lost" in page
    assert "made from the journal of the host" in page
    assert "Sri" not in page  # what steps found stays a hash


def test_history_tells_which_runs_have_evidence(dcops: Any, bundle: Path, run_id: str) -> None:
    assert bundle.exists()
    code, out, _ = dcops("history", "-i", "lab", "--json")
    assert (code, [each["evidence"] for each in json.loads(out)["results"]]) == (0, ["none"])
    assert dcops("history", "-i", "lab")[1].rstrip().endswith("none")


class _WithoutPango:
    """What the import meets where the library is there and Pango is not."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")


@pytest.mark.parametrize("lacks", ["WeasyPrint is not installed", "Pango is missing"])
def test_without_what_makes_pdfs_it_says_so_and_writes_the_page(
    lacks: str, dcops: Any, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "Pango" in lacks:
        monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
        monkeypatch.setattr(sys, "meta_path", [_WithoutPango(), *sys.meta_path])
    else:
        monkeypatch.setitem(sys.modules, "weasyprint", None)
    html, pdf = tmp_path / "r.html", tmp_path / "r.pdf"
    code, _, err = dcops("evidence", "report", str(bundle), "--html", str(html), "--pdf", str(pdf))
    assert (code, lacks in err, "apt install" in err) == (1, True, True)
    assert (html.exists(), pdf.exists()) == (True, False)


def test_a_page_fetches_nothing_from_outside() -> None:
    with pytest.raises(DcopsError, match="asks for nothing from outside"):
        html_to_pdf('<img src="http://127.0.0.1:9/x.png">')
    with pytest.raises(DcopsError, match="asks for nothing from outside"):
        html_to_pdf('<link rel=stylesheet href="file:///etc/hostname">')

"""The page: what it says of a run, on page one above all; escaped, alone, and the same for the same result.

To renew the picture in docs/ after a change of the timeline: python -m tests.unit.drills.test_page
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

from dcops.core.words import Text
from dcops.drills.page import Origin, render_drill
from dcops.drills.page_timeline import timeline_of
from dcops.records.kinds.drills import RecoveredApplication
from dcops.reports.language import Language, open_catalogue
from dcops.reports.timeline import draw
from tests.unit.drills.sample import FAILED, RESULT, RUN, at

ID, EN = Language.ID, Language.EN
PICTURE = Path(__file__).parents[3] / "docs" / "drill-timeline.svg"
ORIGIN = Origin(
    run=RUN, ended=at(60), inventory_revision="9c" * 32, record="drc-ops1:4709 " + "cd" * 32,
    head="drc-ops1:4711 " + "ab" * 32, key_id="k" * 43, voucher="drc-ops1", bundle="naskah-db-loss.tar",
    time_stamp="independent", authority="tsa-main", seal="sealed", stamped_at=datetime(2026, 11, 24, 4, 52, tzinfo=UTC),
    title=Text(id="Kehilangan basis data", en="The database is lost"), owner="Biro Umum", clauses=["5.3.6"],
    versions={"dcops": "0.1.0"},
)  # fmt: skip


class Words(HTMLParser):
    """The text of a page, without style and markup."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if not self._in_style and data.strip():
            self.found.append(" ".join(data.split()))


def said(page: str) -> str:
    return "\n".join(Words(page).found)


def test_page_one_tells_verdict_figures_targets_and_where_it_comes_from() -> None:
    text = said(render_drill(RESULT, ORIGIN, ID))
    one = text.partition("Garis waktu")[0]
    for part in (
        "Kehilangan basis data", "GLADI / REHEARSAL", "PASS · LULUS", "27,1 dtk", "15 mnt 00 dtk",
        "usulan, belum ditetapkan", "ditetapkan", "✓ tercapai", "twin (tiruan)", "9c9c9c9c9c9c9c9c",
        "drc-ops1:4711 abababababababab",
        "independent: menurut otoritas di luar kementerian (tsa-main). diperiksa: 24 November 2026 11.52.00 WIB", RUN,
    ):  # fmt: skip
        assert part in one, part


def test_both_languages_tell_the_same_figures() -> None:
    indonesian, english = (said(render_drill(RESULT, ORIGIN, language)) for language in (ID, EN))
    assert "The database is lost" in english
    assert "24 November 2026 11:51:33 WIB" in english
    assert len(re.findall(r"\d", indonesian)) == len(re.findall(r"\d", english))


def test_each_page_of_a_rehearsal_says_so_and_production_does_not() -> None:
    for language in Language:
        page = render_drill(RESULT, ORIGIN, language)
        assert re.search(r"@top-left { content: \"(GLADI / REHEARSAL|REHEARSAL / GLADI)\"", page)
    real = RESULT.model_copy(update={"is_rehearsal": False, "environment": "production"})
    assert "GLADI /" not in render_drill(real, ORIGIN, ID)
    tabletop = real.model_copy(update={"drill_type": "tabletop", "executed": False})
    page = render_drill(tabletop, ORIGIN, EN)
    assert '@top-left { content: "TABLETOP / LATIHAN MEJA"' in page
    assert 'class="card' not in page


def test_a_failed_run_says_what_is_missing_and_nothing_is_unescaped() -> None:
    page = render_drill(
        FAILED, replace(ORIGIN, bundle="", time_stamp="none", authority="", seal="", stamped_at=None), EN
    )
    text = said(page)
    assert "<full>" not in page
    assert "out of disk space <full>" in text
    assert "✗ FAIL" in text
    assert "? unknown" in text
    assert "recover, load-database: failed. pg_restore ended with status 1: out of disk space" in text
    assert "rollback: incomplete: remove-files" in text
    assert "target RTO: proposed, not adopted" in text
    assert "none: when this was made is the signer's word" in text
    assert "ask for the bundle of this run" in text
    for word in ("✗ failed", "– skipped", "? undecided", "! broken off"):
        assert word in text


def test_a_missed_target_is_said_to_be_missed() -> None:
    slow = RESULT.model_copy(update={"rto_verified_seconds": 901.0})
    assert 'class="card missed"' in render_drill(slow, ORIGIN, EN)
    assert "✗ MISSED" in said(render_drill(slow, ORIGIN, EN))
    unset = RESULT.model_copy(
        update={"rto_target_seconds": None, "target_standing": {"rto": "unset", "rpo": "adopted"}}
    )
    assert "no target is set" in said(render_drill(unset, ORIGIN, EN))
    assert 'class="card unknown"' in render_drill(unset, ORIGIN, EN)


def test_the_other_applications_of_a_drill_have_their_own_targets() -> None:
    others = [
        RecoveredApplication(app="absensi", rto_service_seconds=31.0, rto_target_seconds=60, target_standing="adopted"),
        RecoveredApplication(app="kearsipan", rto_target_seconds=60, target_standing="proposed"),
    ]
    text = said(render_drill(RESULT.model_copy(update={"applications": others}), ORIGIN, EN))
    assert "absensi\n31.0 s\n1 min 00 s\n, adopted:\n✓ met" in text
    assert "kearsipan\n–\n1 min 00 s\n, proposed, not adopted:\n? unknown" in text
    assert "target RTO kearsipan: proposed, not adopted" in text


def test_a_key_nobody_vouches_for_and_an_unchecked_time_stamp_are_said() -> None:
    text = said(render_drill(RESULT, replace(ORIGIN, voucher="", seal="unchecked"), EN))
    assert "NOT TRUSTED" in text
    assert "NOT CHECKED" in text


def test_a_refused_run_without_marks_and_an_old_result_have_a_page() -> None:
    refused = RESULT.model_copy(
        update={"verdict": "REFUSED", "marks": {}, "steps": RESULT.steps[:2], "recovery_point": {}, "executed": False}
    )
    text = said(render_drill(refused, ORIGIN, EN))
    assert "time since the first step" in text
    assert "No control was run." in text
    bare = RESULT.model_copy(update={"steps": [], "marks": {}, "drill_type": "", "executed": None, "rollback": ""})
    assert "<svg" not in render_drill(bare, ORIGIN, EN)


def test_a_page_stands_alone_and_is_the_same_for_the_same_result() -> None:
    page = render_drill(RESULT, ORIGIN, ID)
    assert re.findall(r"(?:src|href)=|@import|url\((?!#)", page) == []
    assert [url for url in re.findall(r"https?://[^\"<]+", page) if url != "http://www.w3.org/2000/svg"] == []
    assert page == render_drill(RESULT, ORIGIN, ID)


def picture() -> str:
    line = timeline_of(RESULT, RUN, open_catalogue("drill", EN))
    assert line is not None
    return draw(line).replace("><", ">\n<") + "\n"


def test_the_picture_in_the_documents_is_what_is_drawn() -> None:
    assert PICTURE.read_text() == picture()


if __name__ == "__main__":
    PICTURE.write_text(picture())

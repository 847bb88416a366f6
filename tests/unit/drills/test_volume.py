"""The estimate for production's volume and the worst case: arithmetic, what is unknown, and how each face tells it."""

from datetime import UTC, datetime, timedelta

import pytest

from dcops.drills.measure import figures
from dcops.drills.model import Figures, Mark, MarkName, Phase, Step, StepResult, StepState
from dcops.drills.page import render_drill
from dcops.drills.report import figures_of, render_text
from dcops.drills.volume import ProductionVolume, project, restored_parts, tell_worst, worst_seconds
from dcops.records.kinds.drill_volume import Projection, RestoredPart, WorstPart
from dcops.records.kinds.drills import DrillResult
from dcops.reports.language import Language
from tests.unit.drills.sample import RESULT
from tests.unit.drills.test_page import ORIGIN, said

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GB = 10**9
STEPS = [
    Step.model_validate({"id": "load", "uses": "database.restore"}),
    Step.model_validate({"id": "files", "uses": "files.restore"}),
    Step.model_validate({"id": "other", "uses": "database.restore", "app": "absensi"}),
]
VOLUMES = {"naskah": ProductionVolume(database_bytes=40 * GB, files_bytes=300 * GB, standing="proposed")}


def mark(seconds: float) -> Mark:
    return Mark(utc=NOON + timedelta(seconds=seconds), monotonic=seconds)


# Fault, 5 s until the recovery begins, 100 s of restore, 15 s until it is verified.
MARKS = {MarkName.FAULT: mark(0), MarkName.START: mark(5), MarkName.DATA: mark(105), MarkName.VERIFIED: mark(120)}


def restored(name: str, state: StepState = StepState.OK, **facts: float) -> StepResult:
    return StepResult(phase=Phase.RECOVER, id=name, uses="x.y", state=state, facts=facts, started=mark(5),
                      ended=mark(9))  # fmt: skip


BOTH = [
    restored("load", load_seconds=50.0, database_bytes=GB),
    restored("files", files_seconds=100.0, files_bytes=GB),
]


def measured(total: int = 2 * GB) -> Figures:
    return figures(MARKS, {}, total)


def projected(
    results: list[StepResult] = BOTH, volumes: dict[str, ProductionVolume] = VOLUMES, total: int = 2 * GB
) -> Projection | None:
    return project(restored_parts(STEPS, results, "naskah", volumes), measured(total), MARKS, volumes)


def test_the_slowest_rate_decides_and_what_is_fixed_is_added_as_it_was() -> None:
    found = projected()
    assert found is not None
    assert found.fixed_seconds == 20
    # Files: 300 GB at 10 MB/s are 30,000 s; all 340 GB at 20 MB/s would be 17,000 s, the database 2,000 s.
    assert (found.limit, found.data_seconds, found.rto_seconds) == ("files", 30_000, 30_020)
    assert (found.production_bytes, found.factor, found.standing) == (340 * GB, 170, "proposed")


def test_a_link_that_both_share_decides_when_no_part_is_slower_alone() -> None:
    even = {"naskah": ProductionVolume(database_bytes=100 * GB, files_bytes=100 * GB, standing="adopted")}
    quick = [
        restored("load", load_seconds=50.0, database_bytes=GB),
        restored("files", files_seconds=50.0, files_bytes=GB),
    ]
    found = projected(quick, even)
    assert found is not None
    assert (found.limit, found.data_seconds, found.standing) == ("all", 10_000, "adopted")


def test_only_what_was_restored_is_projected() -> None:
    found = projected(BOTH[1:], total=GB)
    assert found is not None
    assert found.production_bytes == 300 * GB
    assert projected([], total=0) is None
    assert projected([restored("load", StepState.FAILED, load_seconds=5.0, database_bytes=GB)]) is None


def test_a_part_without_a_volume_makes_the_estimate_unknown_and_is_named() -> None:
    other = restored("other", load_seconds=1.0, database_bytes=7)
    found = projected([*BOTH, other])
    assert found is not None
    assert (found.rto_seconds, found.standing) == (None, "unset")
    assert [(part.app, part.production_bytes) for part in found.parts][-1] == ("absensi", None)
    result = RESULT.model_copy(update={"projection": found})
    assert (
        "RTO, projected             -  unknown: the inventory gives no production volume (data_volume) of absensi"
        in (render_text(result, "RUN"))
    )


def test_a_recovery_that_did_not_end_has_parts_and_no_estimate() -> None:
    parts = restored_parts(STEPS, BOTH, "naskah", VOLUMES)
    unfinished: dict[MarkName, Mark] = {name: at for name, at in MARKS.items() if name is not MarkName.VERIFIED}
    found = project(parts, figures(unfinished, {}, 2 * GB), unfinished, VOLUMES)
    assert found is not None
    assert (found.rto_seconds, found.standing) == (None, "proposed")


def test_a_step_loaded_by_an_earlier_process_tells_no_rate_of_its_own() -> None:
    found = projected([restored("load", load_seconds=0.0, database_bytes=GB), BOTH[1]])
    assert found is not None
    assert found.limit == "files"


BACKUP = WorstPart(source="backup", seconds=1830.5, interval_seconds=1800, duration_seconds=30.5)
STANDBY = WorstPart(source="standby", why="no limit is set")


def test_the_worst_case_is_unknown_as_soon_as_one_part_is() -> None:
    archive = WorstPart(source="archive", seconds=60)
    assert worst_seconds([BACKUP, archive]) == 1830.5
    assert worst_seconds([BACKUP, STANDBY]) is None
    assert worst_seconds([]) is None


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (BACKUP, "backup: every 30 min 00 s + longest run 30.5 s"),
        (
            BACKUP.model_copy(update={"copy_seconds": 12.0}),
            "backup: every 30 min 00 s + longest run 30.5 s + copy 12.0 s",
        ),
        (STANDBY, "standby: unknown, no limit is set"),
        (WorstPart(source="archive", seconds=60.0), "archive: 1 min 00 s"),
    ],
)
def test_each_worst_case_says_how_it_comes_about(part: WorstPart, told: str) -> None:
    assert tell_worst(part) == told


def reckoned() -> DrillResult:
    found = projected()
    assert found is not None
    return RESULT.model_copy(
        update={
            "worst_rpo_seconds": 1830.5,
            "worst_rpo_parts": [BACKUP],
            "projected_rto_seconds": found.rto_seconds,
            "projection": found,
        }
    )


def test_the_terminal_tells_both_and_that_they_were_not_measured() -> None:
    rows = {name: (value, source) for name, value, source in figures_of(reckoned())}
    assert rows["RPO, worst case"] == ("30 min 30 s", "not measured: backup: every 30 min 00 s + longest run 30.5 s")
    value, source = rows["RTO, projected"]
    assert value == "8 h 20 min"
    assert source.startswith(
        "estimate: 20.0 s measured beside the restore + 8 h 20 min for 316.6 GiB (proposed, 170 times"
    )


def test_the_page_holds_both_against_the_targets_and_gives_them_no_card() -> None:
    page = render_drill(reckoned(), ORIGIN, Language.EN)
    text = said(page)
    assert "RTO, projected to production volume\n8 h 20 min\n15 min 00 s\n, proposed, not adopted:\n✗ MISSED" in text
    assert "an estimate: 20.0 s measured beside the restore + 8 h 20 min for 316.6 GiB" in text
    assert "RPO, worst case (not measured)\n30 min 30 s\n1 h 00 min\n, adopted:\n✓ met" in text
    assert page.count('class="card ') == 2
    indonesian = said(render_drill(reckoned(), ORIGIN, Language.ID))
    assert "perkiraan: 20,0 dtk terukur di luar pemulihan data + 8 jam 20 mnt untuk 316,6 GiB" in indonesian
    assert "cadangan: setiap 30 mnt 00 dtk + run terlama 30,5 dtk" in indonesian


def test_an_unknown_estimate_says_what_is_lacking_on_the_page() -> None:
    part = RestoredPart(app="naskah", part="files", restored_bytes=5)
    result = RESULT.model_copy(update={"projection": Projection(parts=[part]), "worst_rpo_parts": [STANDBY]})
    text = said(render_drill(result, ORIGIN, Language.EN))
    assert "the inventory gives no production volume (data_volume): naskah files" in text
    assert "stand-by: unknown (no limit is set)" in text
    assert "projected" not in said(render_drill(RESULT, ORIGIN, Language.EN)), "an older result has no such row"

"""What the text says: rehearsal on top, every figure with its source, proposed targets named."""

from dcops.drills.report import figures_of, render_text
from dcops.records.kinds.drills import DrillResult, DrillStep, RecoveredApplication

RESULT = DrillResult(
    drill="naskah-db-loss", drill_version=1, spec_sha256="a" * 64, app="naskah", environment="twin", is_rehearsal=True,
    verdict="FAIL", exit_code=20, reasons=["verify rows: 4 letters <b>missing</b>"],
    marks={"t_fault": "2026-11-24T04:50:33.000000Z", "t_service": "2026-11-24T04:51:30.500000Z"},
    rto_service_seconds=57.5, observer_rto_seconds=57.6, rto_target_seconds=900, rpo_target_seconds=3600,
    target_standing={"rto": "proposed", "rpo": "adopted"}, restored_bytes=262354934, lost_acknowledged=164,
    rollback="complete", seed=7,
    steps=[
        DrillStep(phase="inject", id="kill", uses="lab.stop_node", state="ok", started_at="2026-11-24T04:50:33.000000Z",
                  duration_seconds=0.4),
        DrillStep(phase="recover", id="load", uses="database.restore", state="failed", detail="a < b",
                  started_at="2026-11-24T04:50:36.000000Z", duration_seconds=49.9),
        DrillStep(phase="recover", id="start", uses="application.start", state="skipped",
                  started_at="2026-11-24T04:51:26.000000Z"),
    ],
)  # fmt: skip


def test_the_text_tells_what_it_is_and_why() -> None:
    text = render_text(RESULT, "RUN")
    assert text.splitlines()[0] == "naskah-db-loss version 1, run RUN: FAIL"
    assert text.splitlines()[1].startswith("GLADI / REHEARSAL")
    assert "reason: verify rows" in text
    assert "target proposed, adopted by nobody yet: rto\n" in text
    assert "57.5 s  t_service - t_fault" in text
    assert "proposed target 15 min 00 s" in text
    assert "250.2 MiB" in text


def test_each_figure_says_where_it_comes_from_and_unknown_is_a_dash() -> None:
    rows = {name: (value, source) for name, value, source in figures_of(RESULT)}
    assert rows["RPO"][0] == "-"
    assert all(source for _, source in rows.values())


def test_production_is_no_rehearsal() -> None:
    assert "GLADI" not in render_text(RESULT.model_copy(update={"is_rehearsal": False}), "RUN")


def test_a_recovery_point_of_another_kind_and_other_applications_are_told() -> None:
    other = RecoveredApplication(
        app="absensi", rto_service_seconds=31.0, rto_target_seconds=60, target_standing="adopted"
    )
    text = render_text(RESULT.model_copy(update={"recovery_point": {"files": 3}, "applications": [other]}), "RUN")
    assert "recovery point: backup run -, database as of -" in text
    assert "absensi: served again after 31.0 s; adopted target 1 min 00 s" in text

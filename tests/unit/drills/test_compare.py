"""Two results side by side."""

from typing import Any

from dcops.drills.compare import Row, compare
from dcops.records.kinds.drills import DrillResult, DrillStep


def step(name: str, seconds: float | None) -> DrillStep:
    return DrillStep(phase="recover", id=name, uses="x.y", state="ok", started_at="t", duration_seconds=seconds)


def result(**changed: Any) -> DrillResult:
    fields: dict[str, Any] = {
        "drill": "naskah-db-loss", "drill_version": 1, "spec_sha256": "0" * 64, "app": "naskah", "exit_code": 0,
        "environment": "twin", "is_rehearsal": True, "verdict": "PASS", "rto_verified_seconds": 14.5,
        "restored_bytes": 1000,
    }  # fmt: skip
    return DrillResult.model_validate(fields | changed)


def rows(first: DrillResult, second: DrillResult) -> dict[str, Row]:
    return {row.name: row for row in compare(first, second, ("aaa", "bbb"))}


def test_figures_have_their_difference_and_facts_are_marked() -> None:
    found = rows(result(), result(rto_verified_seconds=20.0, drill_version=2, spec_sha256="1" * 64))
    assert found["rto_verified_seconds"].change == 5.5
    assert found["restored_bytes"].change == 0
    assert (found["drill_version"].change, found["drill_version"].is_different) == (None, True)
    assert found["spec_sha256"].is_different
    assert found["inventory_revision"].is_different
    assert not found["environment"].is_different


def test_what_only_one_run_has_is_shown_and_not_reckoned_with() -> None:
    first = result(steps=[step("load", 3.0), step("gone", 1.0)])
    second = result(steps=[step("new", 2.0), step("load", 4.25)], rto_verified_seconds=None)
    found = rows(first, second)
    assert [name for name, row in found.items() if row.part == "step"] == [
        "recover load",
        "recover gone",
        "recover new",
    ]
    assert found["recover load"].change == 1.25
    assert (found["recover gone"].second, found["recover gone"].change) == (None, None)
    assert found["rto_verified_seconds"].change is None

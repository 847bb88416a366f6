"""What stands beside a drill's measurements: gathered from inventory, policy and records, and put into its bundle."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dcops.drills.bundle import unpack
from dcops.drills.evidence import _result
from dcops.drills.model import Drill
from dcops.inventory import load
from dcops.records.kinds.backup import Receipt
from dcops.records.kinds.backup_copies import BackupCopy
from dcops.records.kinds.backup_wal import WalReceipt
from dcops.records.kinds.drill_volume import WorstPart
from dcops.records.kinds.drills import DrillResult
from dcops.records.model import Stored
from dcops.wiring import drills as wiring
from dcops.wiring.drill_volume import production_volumes, worst_parts
from tests.integration.drills.recorded import bundle, cli, run_id, settings, state
from tests.integration.drills.test_prepare import opened

__all__ = ["bundle", "cli", "opened", "run_id", "settings", "state"]
APP = "naskah_dinas_elektronik"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def receipt(number: int, seconds: float, status: Any = "done") -> dict[str, Any]:
    began = NOON + timedelta(minutes=30 * number)
    made = Receipt(
        application=APP, run=f"R{number}", status=status, site="jkt", repository="drc-bkp1-jkt", repository_id="r",
        tool="restic 0.18.0", started_at=began, finished_at=began + timedelta(seconds=seconds),
        duration_seconds=seconds,
    )  # fmt: skip
    return made.model_dump(mode="json")


def worst(drills: wiring.Drills, drill: Drill) -> tuple[WorstPart, ...]:
    return worst_parts(drills.settings, drills.inventory, drill, drills.catalogue)


def test_a_restore_can_lose_the_interval_and_the_longest_run_of_late(opened: tuple[wiring.Drills, Drill]) -> None:
    drills, drill = opened
    (before,) = worst(drills, drill)
    assert (before.source, before.seconds, before.why) == ("backup", None, "no run was measured yet")
    journal = wiring.journal_of(drills)
    for number, seconds in enumerate([500.0, *(20.0 + each for each in range(7))]):  # the first is long ago
        journal.append(Receipt.kind, receipt(number, seconds))
    journal.append(Receipt.kind, receipt(99, 900.0, "failed"))
    (part,) = worst(drills, drill)
    assert (part.interval_seconds, part.duration_seconds, part.copy_seconds) == (1800, 26, None)
    assert part.seconds == 1826
    assert drills.setting(drill, 7).worst == (part,)


def test_the_copy_counts_where_the_first_repository_is_lost_too(opened: tuple[wiring.Drills, Drill]) -> None:
    drills, drill = opened
    journal = wiring.journal_of(drills)
    journal.append(Receipt.kind, receipt(1, 20.0))
    scope = drill.spec.scope.model_copy(update={"from_site": "drc", "to_site": "jkt"})
    other = drill.model_copy(update={"spec": drill.spec.model_copy(update={"scope": scope})})
    (part,) = worst(drills, other)
    assert (part.seconds, part.why) == (None, "the first repository is at the lost site, and no copy was measured")
    copy = BackupCopy(application=APP, run="R1", status="done", source="a", repository="b", tool="restic 0.18.0",
                      finished_at=NOON, duration_seconds=42.0)  # fmt: skip
    journal.append(BackupCopy.kind, copy.model_dump(mode="json"))
    (part,) = worst(drills, other)
    assert (part.copy_seconds, part.seconds) == (42, 1862)


def test_an_archive_tells_what_its_newest_look_found_and_a_stand_by_nothing(
    opened: tuple[wiring.Drills, Drill],
) -> None:
    drills, _ = opened
    moment = drills.load("naskah-dropped-table")
    (part,) = worst(drills, moment)
    assert (part.source, part.seconds) == ("archive", 300), "what the policy lets it be"
    look = WalReceipt(application=APP, stanza="naskah", repository="r", status="pass", reason="", exposure_seconds=60,
                      seen_at=NOON)  # fmt: skip
    wiring.journal_of(drills).append(WalReceipt.kind, look.model_dump(mode="json"))
    assert worst(drills, moment)[0].seconds == 60
    parts = {part.source: part.seconds for part in worst(drills, drills.load("naskah-promote"))}
    assert parts["standby"] is None


def test_a_drill_that_restores_nothing_has_no_worst_case(opened: tuple[wiring.Drills, Drill]) -> None:
    drills, _ = opened
    assert worst(drills, drills.load("router-lost")) == ()


def test_records_that_cannot_be_read_stop_no_drill(opened: tuple[wiring.Drills, Drill]) -> None:
    drills, drill = opened
    wiring.journal_of(drills).append(Receipt.kind, receipt(1, 20.0))
    for path in (drills.settings.state / "records").rglob("*.db*"):
        path.write_bytes(b"no database")
    (part,) = worst(drills, drill)
    assert part.seconds is None
    assert part.why.startswith("the records cannot be read: ")


def test_the_volume_of_production_is_what_the_inventory_says_with_its_standing(tmp_path: Path) -> None:
    root = shutil.copytree(Path(__file__).parents[3] / "inventory", tmp_path / "inventory") / "lab"
    text = (root / "applications.yml").read_text()
    volume = "    data_volume: {value: {database: 2TB, files: 512MB}, status: proposed, by: somebody}\n"
    head, key, rest = text.partition("  absensi:\n")
    (root / "applications.yml").write_text(head + key + volume + rest)
    found = production_volumes(load(root))["absensi"]
    assert (found.database_bytes, found.files_bytes, found.standing) == (2 * 10**12, 512 * 10**6, "proposed")


def test_a_bundle_holds_what_was_reckoned(bundle: Path, cli: Any) -> None:
    figures = json.loads(unpack(bundle.read_bytes())["result.json"])["figures"]
    assert figures["worst_rpo_seconds"] == pytest.approx(1830.5)
    assert figures["worst_rpo_parts"][0]["source"] == "backup"
    assert "projection" not in figures, "what the record lacks is not named"
    assert cli("verify", str(bundle))[0] == 31


def test_a_record_from_before_there_was_any_gives_the_figures_it_always_gave() -> None:
    """A bundle holds what its record said when it was made, and is held against that again."""
    payload = DrillResult(
        drill="d", drill_version=1, spec_sha256="0" * 64, environment="twin", is_rehearsal=True, verdict="PASS",
        exit_code=0,
    ).model_dump(mode="json")  # fmt: skip
    new = {"worst_rpo_seconds", "worst_rpo_parts", "projected_rto_seconds", "projection"}
    old = {name: value for name, value in payload.items() if name not in new}
    row = Stored(journal="j", seq=1, text="", hash="0" * 64, key_id="k", signature="s")
    assert _result(row, old) == _result(row, payload)
    assert new.isdisjoint(_result(row, old)["figures"])

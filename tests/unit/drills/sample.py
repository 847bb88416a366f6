"""A result as naskah-db-loss leaves it on the twin, for tests of what is made from it."""

from datetime import UTC, datetime, timedelta

from dcops.core.clock import rfc3339
from dcops.records.kinds.drills import DrillResult, DrillStep

RUN = "01KAT0Q2Z6V4N3W1M8B7C5NBK7"
FAULT = datetime(2026, 11, 24, 4, 50, 33, 118000, tzinfo=UTC)
# phase, step, kind, seconds from the fault to its start, how long it took, what it answered
_STEPS = (
    ("guards", "fresh-backup", "backup.fresh", -31.0, 2.1, "made 6 min ago, 192 MiB and 2,000 files"),
    ("guards", "empty-cluster", "database.absent", -28.8, 0.3, "no database naskah on drc-db1"),
    ("guards", "empty-folder", "files.absent", -28.4, 0.2, "nothing at /var/lib/naskah/lampiran on drc-app1"),
    ("guards", "idle-application", "application.stopped", -28.1, 0.2, "naskah.service is not active on drc-app1"),
    ("steady_before", "served-from-jkt", "service.healthy", -27.8, 0.1, "200 from jkt in 18 ms"),
    ("steady_before", "observer-content", "observer.acknowledges", -27.6, 1.2, "2 letters acknowledged at jkt"),
    ("inject", "kill-database", "lab.stop_node", 0.0, 0.4, "jkt-db1 is stopped"),
    ("detect", "service-down", "service.down", 0.5, 2.2, "failed twice in a row: 503"),
    ("declare", "declared", "declare.automatic", 2.8, 0.0, "jkt-db1 is lost; naskah dinas is recovered at drc"),
    ("recover", "withdraw", "service.withdraw", 2.9, 1.6, "198.18.100.10/32 is announced nowhere"),
    ("recover", "revoke", "permit.revoke", 2.9, 0.9, "jkt-app1 accepts no writes"),
    ("recover", "fenced", "service.fenced", 4.6, 3.4, "three letters of the observer met no answer"),
    ("recover", "permit", "permit.grant", 8.1, 1.1, "drc-app1 may accept writes"),
    ("recover", "load-database", "database.restore", 2.9, 13.1, "192.0 MiB loaded in 13.1 s, 48,211 rows"),
    ("recover", "restore-files", "files.restore", 2.9, 7.7, "2,000 files, 58.2 MiB"),
    ("recover", "start-application", "application.start", 16.1, 2.0, "naskah.service is active on drc-app1"),
    ("recover", "announce", "service.announce", 18.2, 2.9, "drc announces 198.18.100.10/32"),
    ("recover", "served", "service.healthy", 21.2, 2.1, "200 from drc in 31 ms"),
    ("verify", "rows", "naskah.rows", 23.4, 0.8, "48,211 rows in 4 tables as the manifest has them"),
    (
        "verify",
        "files",
        "naskah.files",
        23.4,
        1.9,
        "25 of 2,000 files asked of the service, each hash as in the manifest",
    ),
    ("verify", "lost", "naskah.lost", 23.4, 0.6, "222 acknowledged letters are not in the database"),
    ("verify", "observer-outage", "observer.agrees", 25.4, 0.7, "outage of 23.7 s by the ledger"),
    ("verify", "observer-lost", "observer.lost", 26.2, 0.9, "222 letters cannot be found again"),
    ("controls", "wrong-count", "naskah.rows", 27.2, 0.2, "failed as it must: row_count_differs"),
    ("controls", "wrong-time", "naskah.rows", 27.5, 0.2, "failed as it must: newest_differs"),
    ("controls", "wrong-file", "naskah.files", 27.8, 0.6, "failed as it must: file_missing"),
    ("rollbacks", "power-database", "lab.start_node", 28.5, 4.2, "jkt-db1 answers"),
    ("rollbacks", "database-back", "database.answers", 32.8, 3.1, "naskah answers on jkt-db1"),
    ("rollbacks", "stop-application", "application.stop", 28.5, 1.2, "naskah.service is stopped on drc-app1"),
    ("rollbacks", "carry-back", "naskah.carry_back", 36.0, 5.4, "58 letters written at drc are at jkt"),
    ("rollbacks", "announce-home", "service.announce", 41.5, 3.0, "jkt announces 198.18.100.10/32"),
    ("rollbacks", "nothing-lost", "observer.nothing_lost", 44.6, 2.4, "every letter acknowledged at drc is there"),
    ("rollbacks", "drop-database", "database.drop_own", 47.1, 0.8, "dcops_01kat0q2 is dropped on drc-db1"),
    ("rollbacks", "remove-files", "files.remove_own", 47.1, 0.5, "2,000 files removed"),
    ("steady_after", "served-from-jkt", "service.healthy", 48.1, 0.1, "200 from jkt in 16 ms"),
    ("steady_after", "observer-content", "observer.acknowledges", 48.3, 1.4, "3 letters acknowledged at jkt"),
)
_MARKS = {
    "t_fault": 0.0, "t_detect": 2.7, "t_declare": 2.8, "t_start": 2.9, "t_data": 16.0, "t_service": 23.3,
    "t_verified": 27.1, "t_failback": 49.7,
}  # fmt: skip


def at(seconds: float) -> str:
    return rfc3339(FAULT + timedelta(seconds=seconds))


RESULT = DrillResult(
    drill="naskah-db-loss", drill_version=2, spec_sha256="5e" * 32, app="naskah_dinas_elektronik",
    drill_type="component", executed=True, environment="twin", is_rehearsal=True, verdict="PASS", exit_code=0,
    marks={name: at(seconds) for name, seconds in _MARKS.items()},
    rto_service_seconds=23.3, rto_verified_seconds=27.1, rpo_seconds=111.2, rto_target_seconds=900,
    rpo_target_seconds=3600, target_standing={"rto": "proposed", "rpo": "adopted"}, restored_bytes=262354934,
    restore_bytes_per_second=15700000.0, lost_acknowledged=222, observer_rto_seconds=23.7, observer_gap_seconds=23.2,
    observer_lost_acknowledged=222, rollback="complete", seed=1093712244, duration_seconds=81.4,
    recovery_point={"backup_run": "01KAT0A8Q1", "snapshot_at": at(-111), "files": 2000, "rows": {"surat": 48211},
                    "manifest_sha256": "c4" * 32},
    steps=[DrillStep(phase=phase, id=name, uses=uses, state="ok", detail=detail, started_at=at(start),
                     duration_seconds=seconds) for phase, name, uses, start, seconds, detail in _STEPS],
)  # fmt: skip
# What went wrong instead: the database failed to load, so what needs it was never begun.
_WAITS = ("skipped", "waits for load-database")
_BROKEN = {
    "load-database": ("failed", "pg_restore ended with status 1: out of disk space"),
    "start-application": _WAITS,
    "announce": _WAITS,
    "served": _WAITS,
    "observer-lost": ("undecided", "the observer did not answer"),
    "remove-files": ("started", "its process ended inside it"),
}
FAILED = RESULT.model_copy(
    update={
        "verdict": "FAIL",
        "exit_code": 24,
        "reasons": ["recover load-database: pg_restore ended with status 1: out of disk space <full>"],
        "rto_service_seconds": None,
        "rto_verified_seconds": None,
        "rollback": "incomplete: remove-files",
        "marks": {name: when for name, when in RESULT.marks.items() if name not in ("t_service", "t_data")},
        "steps": [
            step.model_copy(
                update=dict(zip(("state", "detail"), _BROKEN[step.id], strict=True)) if step.id in _BROKEN else {}
            )
            for step in RESULT.steps
        ],
    }
)

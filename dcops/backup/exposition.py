"""Backup metrics as Prometheus text, made from receipts and policies; a scrape never touches a repository. Pure.

Read by the node exporter from a text file; docs/backup.md lists the names.
"""

from collections.abc import Iterable, Mapping, Sequence

from dcops.core.words import Frozen
from dcops.records.kinds.backup import Receipt

_HELP = {
    "dcops_backup_last_success_timestamp_seconds": "End of the newest complete backup, by its receipt.",
    "dcops_backup_last_run_timestamp_seconds": "End of the newest run, good or bad.",
    "dcops_backup_last_run_success": "1 when the newest run was complete.",
    "dcops_backup_dump_bytes": "Database dump of the newest complete backup.",
    "dcops_backup_duration_seconds": "Duration of the newest complete backup.",
    "dcops_backup_last_prune_timestamp_seconds": "End of the newest retention, told by its host.",
    "dcops_objective_rpo_seconds": "Recovery point objective of the inventory, proposed or adopted.",
    "dcops_objective_rto_seconds": "Recovery time objective of the inventory, proposed or adopted.",
}


class Objectives(Frozen):
    """The objectives of one application; None where nobody set one, and then no sample is written."""

    application: str
    rto_seconds: float | None
    rpo_seconds: float | None


def exposition(receipts: Iterable[Receipt], objectives: Sequence[Objectives]) -> str:
    """Give the text: one sample an application, no snapshot id or version in a label."""
    samples: dict[str, list[tuple[str, float]]] = {name: [] for name in _HELP}
    by_application: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        by_application.setdefault(receipt.application, []).append(receipt)
    for application, found in sorted(by_application.items()):
        newest = max(found, key=lambda each: each.finished_at)
        samples["dcops_backup_last_run_timestamp_seconds"].append((application, newest.finished_at.timestamp()))
        samples["dcops_backup_last_run_success"].append((application, float(newest.status == "done")))
        good = max((each for each in found if each.status == "done"), key=lambda each: each.finished_at, default=None)
        if good is not None:
            stamp = good.finished_at.timestamp()
            samples["dcops_backup_last_success_timestamp_seconds"].append((application, stamp))
            samples["dcops_backup_dump_bytes"].append((application, float(good.dump_bytes)))
            samples["dcops_backup_duration_seconds"].append((application, good.duration_seconds))
    for each in objectives:
        for name, value in (("rpo", each.rpo_seconds), ("rto", each.rto_seconds)):
            if value is not None:
                samples[f"dcops_objective_{name}_seconds"].append((each.application, value))
    return "".join(_family(name, rows) for name, rows in samples.items() if rows)


def prune_exposition(pruned: Mapping[str, float]) -> str:
    """Give the text of the retention host: application -> when its repository was pruned last, Unix time."""
    name = "dcops_backup_last_prune_timestamp_seconds"
    return _family(name, sorted(pruned.items())) if pruned else ""


def _family(name: str, rows: Sequence[tuple[str, float]]) -> str:
    head = f"# HELP {name} {_HELP[name]}\n# TYPE {name} gauge\n"
    return head + "".join(f'{name}{{app="{application}"}} {value!r}\n' for application, value in rows)

"""`dcops backup run|verify --device-configs`: the kept network configurations as a set of their own."""

from dcops.cli.common import Out
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.units import format_duration, format_size


def run(out: Out, inventory: str, *, is_check: bool) -> int:
    """Take one backup of the kept configurations; with `is_check` only say where to."""
    from dcops.wiring.backup_configurations import open_configurations

    backups = open_configurations(Settings.load(), inventory, "backup run --device-configs")
    if is_check:
        where = backups.policy.repository.name
        out.result({"repository": where}, f"would back the kept configurations up to {where}")
        return int(ExitCode.DIFFERENCES)
    with out.progress("backup") as report:
        receipt, warnings = backups.run(report)
    for text in warnings:
        out.note(f"warning: {text}")
    out.result(
        {"receipt": receipt, "warnings": warnings},
        f"run {receipt.run}: {receipt.device_count} devices, revision {receipt.revision[:12]}, "
        f"{format_size(receipt.bundle_bytes)} in {format_duration(receipt.duration_seconds)}",
    )
    return int(ExitCode.DONE)


def verify(out: Out, inventory: str) -> None:
    """Bring the newest set of configurations back and compare it."""
    from dcops.wiring.backup_configurations import open_configurations

    backups = open_configurations(Settings.load(), inventory, "backup verify --device-configs")
    with out.progress("verify"):
        found = backups.verify()
    out.result(
        found,
        f"set {found.set_run}: git opens the bundle, and {found.files_checked} configurations equal the manifest; "
        f"wiped; {format_duration(found.duration_seconds)}",
    )

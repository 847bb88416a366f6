"""Consistency groups on the command line: `backup run --group` and `backup verify --group`."""

from collections.abc import Callable
from typing import Any

from dcops.cli.common import Out
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings


def run_group(out: Out, inventory: str, group: str, take: Callable[[str], dict[str, Any]], *, is_check: bool) -> int:
    """Take one backup of each member, in order; the first that fails ends it, for what follows would not fit."""
    from dcops.wiring.backup_group import group_members

    members = group_members(Settings.load(), inventory, group)
    if is_check:
        out.result({"group": group, "order": list(members)}, f"would back up in this order: {', '.join(members)}")
        return int(ExitCode.DIFFERENCES)
    taken = {name: take(name) for name in members}
    lines = [f"{name}: {found['reason']}" for name, found in taken.items()]
    out.result({"group": group, "taken": taken}, "\n".join(lines))
    return int(ExitCode.DONE)


def verify_group(out: Out, inventory: str, group: str) -> int:
    """Verify the newest sets of a group with their databases loaded, and hold them against one another."""
    from dcops.wiring.backup_group import verify_group as verify

    with out.progress("verify group") as report:
        members = verify(Settings.load(), inventory, group, report)
    sets = {each.application: each.set_run for each in members}
    lines = [f"{name}: set {run}" for name, run in sets.items()]
    out.result({"status": "pass", "group": group, "sets": sets}, "\n".join([*lines, "they fit one another"]))
    return int(ExitCode.DONE)

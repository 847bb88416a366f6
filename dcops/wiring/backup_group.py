"""Consistency groups of the inventory: their members in the order of copying, and the verification of them together."""

from collections.abc import Callable

from dcops.backup.groups import INVARIANT, Member, compare_members, copy_order
from dcops.backup.verify import Request
from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError, UsageError
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.inventory import Inventory, load
from dcops.wiring.backup import Backup, load_policies, open_backup
from dcops.wiring.backup_verify import record_outcome, verify_set

Report = Callable[[str], None]


def group_members(settings: Settings, inventory_name: str, group: str) -> tuple[str, ...]:
    """Give the applications of a group in the order their copies are taken. Raises UsageError for an unknown group."""
    inventory = load(settings.inventory_root(inventory_name))
    members = _members(inventory, group)
    if not members:
        known = {str(each.operations.consistency_group) for each in inventory.applications.values()} - {"None"}
        guess = did_you_mean(group, known)
        hint = f'Did you mean "{guess}"?' if guess else f"Groups: {', '.join(sorted(known)) or 'none'}."
        raise UsageError(f'no application of the inventory is in the consistency group "{group}"', hint=hint)
    lacking = sorted(set(members) - set(load_policies(inventory)))
    if lacking:
        raise UsageError(f'"{lacking[0]}" of the group "{group}" has no backup policy', hint="Write one first.")
    policies = load_policies(inventory)
    linked = {name for key, needs in members.items() for need in needs if need in members for name in (key, need)}
    blind = [key for key in sorted(linked) if not ((found := policies[key].database.references) and found.owner)]
    if blind or not linked:
        hint = "Its policy needs references.owner, and one member must depend on another."
        message = f'"{(blind or sorted(members))[0]}" of the group "{group}" cannot be held against another'
        raise UsageError(message, hint=hint)
    return copy_order(members)


def verify_group(settings: Settings, inventory_name: str, group: str, report: Report) -> tuple[Member, ...]:
    """Load the newest set of each member, then hold each against those it needs; every outcome is recorded.

    Raises what the first set lacks, PolicyBroken (14) when two sets do not fit one another.
    """
    needs = _members(load(settings.inventory_root(inventory_name)), group)
    verified: dict[str, Member] = {}
    backups: dict[str, Backup] = {}
    for name in group_members(settings, inventory_name, group):
        backups[name] = open_backup(settings, inventory_name, name, writing="backup verify")
        verified[name] = _verify(backups[name], tuple(sorted(set(needs[name]) & set(needs))), report)
    for naming in verified.values():
        for named in naming.needs:
            _compare(backups[naming.application], naming, verified[named], report)
    return tuple(verified.values())


def _members(inventory: Inventory, group: str) -> dict[str, tuple[str, ...]]:
    """Give application -> what it needs, of one group."""
    return {
        key: each.dependencies
        for key, each in inventory.applications.items()
        if each.operations.consistency_group == group
    }


def _verify(backup: Backup, needs: tuple[str, ...], report: Report) -> Member:
    """Prove the newest set of one member with its database loaded."""
    name, request, began = backup.policy.application, Request("latest", 0, is_loaded=True), monotonic()
    with backup.run("backup verify") as running:
        outcome = verify_set(backup, request, running.run_id, lambda text: report(f"{name}: {text}"))
        record_outcome(backup, request, running.run_id, monotonic() - began, outcome)
        if outcome.error:
            raise outcome.error
        running.finish({"set_run": outcome.findings.set_run, "method": request.method})
    assert outcome.snapshot_at is not None
    return Member(
        application=name,
        set_run=outcome.findings.set_run,
        snapshot_at=outcome.snapshot_at,
        needs=needs,
        links=outcome.links,
    )


def _compare(backup: Backup, naming: Member, named: Member, report: Report) -> None:
    """Hold two members against one another and record what came of it, with the application that names."""
    began = monotonic()
    with backup.run("backup verify") as running:
        error: DcopsError | None = None
        try:
            compare_members(naming, named)
        except DcopsError as failure:
            error = failure
        found = [INVARIANT]
        backup.record_verification(
            "verify group", running.run_id, monotonic() - began, error, set_run=naming.set_run,
            row_count=len(naming.links), invariants_held=[] if error else found,
            invariants_broken=found if error else [],
        )  # fmt: skip
        if error:
            raise error
        running.finish({"set_run": naming.set_run, "method": "verify group"})
    report(f"{naming.application}: {len(naming.links)} rows name what {named.application} holds")

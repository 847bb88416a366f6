"""Gathers what `dcops drill due` decides from: the inventory, and the results in the journals known here."""

from dcops.core.clock import parse_rfc3339, utc_now
from dcops.core.settings import Settings
from dcops.core.words import Value
from dcops.drills.due import Asked, Due, judge_due
from dcops.inventory import Inventory, load
from dcops.inventory.model import Application
from dcops.records.kinds.drills import DrillResult
from dcops.wiring.received import records_everywhere
from dcops.wiring.records import open_journal


def drills_due(settings: Settings, inventory_name: str) -> tuple[list[Due], tuple[str, ...]]:
    """Give how each hosted application stands that a drill is asked of, and the journals that were not believed."""
    inventory = load(settings.inventory_root(inventory_name))
    journal = open_journal(settings, inventory, inventory.environment)
    records, problems = records_everywhere(settings, inventory, journal, DrillResult.kind)
    results = [(parse_rfc3339(each.envelope.at), DrillResult.model_validate(dict(each.payload))) for each in records]
    now = utc_now()
    judged = (
        judge_due(each.key, _asked(inventory, each), results, now)
        for each in inventory.applications.values()
        if each.is_hosted
    )
    return [each for each in judged if each], problems


def _asked(inventory: Inventory, application: Application) -> Asked:
    ages, criticality = inventory.policy.continuity.drill_age, application.operations.criticality
    return Asked(
        criticality=criticality.value.value if criticality and criticality.value else None,
        warning_seconds=_seconds(ages.warning),
        critical_seconds=_seconds(ages.critical),
    )


def _seconds(value: Value[float] | None) -> float | None:
    return value.value if value else None

"""Gathers what `dcops drill calendar` is made of: scenarios, results, the policy's ages, the calendar's windows."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from dcops.core.clock import parse_rfc3339, utc_now
from dcops.core.words import Environment
from dcops.drills.calendar import Ages, Planned, apart, held, plan_drill
from dcops.inventory import Inventory
from dcops.inventory.model import WindowPurpose
from dcops.inventory.schedule import next_opening
from dcops.records.kinds.drills import DrillResult
from dcops.wiring.drills import Drills, journal_of
from dcops.wiring.received import records_everywhere


@dataclass(frozen=True)
class DrillCalendar:
    """What is planned, when this was reckoned, the drills left out with the reason, and journals not believed."""

    planned: tuple[Planned, ...]
    now: datetime
    left_out: tuple[str, ...]
    problems: tuple[str, ...]


def plan_calendar(drills: Drills, year: int | None = None) -> DrillCalendar:
    """Give when each drill of an inventory is to be held next, or in a year; soonest first, unknown ones last."""
    inventory, now = drills.inventory, utc_now()
    where = Environment(inventory.environment)
    records, problems = records_everywhere(drills.settings, inventory, journal_of(drills), DrillResult.kind)
    results = [(parse_rfc3339(each.envelope.at), DrillResult.model_validate(dict(each.payload))) for each in records]
    opening = apart(partial(next_opening, inventory.calendar, WindowPurpose.DRILL), set())
    planned: list[Planned] = []
    left_out = []
    for name in drills.names():
        drill, wrong = drills.check(name)
        if drill is None or wrong:
            left_out.append(f"{name}: the lint finds {len(wrong)} problems")
        elif where not in drill.spec.environments and not (_may_be_real(where, drill.spec.environments)):
            left_out.append(f"{name}: not allowed in {where.value}")
        else:
            ages = ages_of(inventory, drill.spec.type)
            planned += plan_drill(drill, ages, held(drill, results, where), opening, now, year)
    planned.sort(key=lambda each: (each.begin is None, each.begin or now, each.drill))
    return DrillCalendar(tuple(planned), now, tuple(left_out), problems)


def _may_be_real(where: Environment, allowed: tuple[Environment, ...]) -> bool:
    """Whether a drill of the production inventory may run at its recovery site."""
    return not where.is_rehearsal and any(not each.is_rehearsal for each in allowed)


def ages_of(inventory: Inventory, drill_type: str) -> Ages:
    """Give the policy's ages for a type of drill: a restore is asked of each backup set, the others of a service."""
    continuity = inventory.policy.continuity
    ages = continuity.restore_test_age if drill_type == "restore" else continuity.drill_age
    due = ages.warning.value if ages.warning else None
    overdue = ages.critical.value if ages.critical else None
    said = ages.warning or ages.critical
    return Ages(
        due_seconds=due if due is not None else overdue,
        overdue_seconds=overdue,
        is_adopted=bool(said and said.is_adopted),
    )

"""A name pointed at a site, at every name server of the ministry that can be reached."""

from datetime import datetime

from dcops.core.clock import rfc3339, utc_now
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import DomainName, Site


class Pointed(Site):
    """Which name, at which site."""

    name: DomainName


def _point(context: DrillContext, parameters: Pointed) -> Outcome:
    began = utc_now()
    moved = context.name_writer.point(parameters.name, parameters.site)
    detail = f"{parameters.name} is {moved.address} at {', '.join(moved.servers)}"
    if moved.unreached:
        late = ", ".join(moved.unreached)
        detail += f"; {late} not reached: it answers the old address when it is back, point the name again then"
    return Outcome(detail=detail, facts={_fact(parameters.name): rfc3339(began), "unreached": list(moved.unreached)})


def pointed_at(context: DrillContext, name: str) -> datetime | None:
    """Give when this run last pointed `name` somewhere; None when it did not."""
    found = context.facts.find(_fact(name))
    return datetime.fromisoformat(str(found)) if found else None


def _fact(name: str) -> str:
    return f"pointed_at {name}"


POINT = Action(
    "name.point", "Point a name at a site, at every name server that can be reached", Pointed, BlastClass.DISRUPT,
    _point, undone_by=("name.point",),
)  # fmt: skip

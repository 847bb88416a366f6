"""A database restored under a name only this run has, shown to the application when it is whole, dropped afterwards.

The comment on the database names the run that made it. Only what carries this run's name or comment is ever dropped:
what a run itself made it may remove, nothing else.
"""

from dcops.core.errors import Refused
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Database


def _comment(context: DrillContext) -> str:
    return f"made by dcops drill run {context.run_id}"


def _restore(context: DrillContext, parameters: Database) -> Outcome:
    """Stream the dump into an empty database of this run's own name, then give it the application's name.

    With `@scratch` it keeps its own name: nothing serves it, and it is dropped at the end.
    """
    databases, device, own = context.databases, parameters.server, context.own_name
    present = databases.names(device)
    is_scratch = parameters.database == own
    if (
        not is_scratch
        and parameters.database in present
        and databases.comment(device, parameters.database) == _comment(context)
    ):
        return Outcome(
            detail="an earlier process of this run has loaded it whole",
            facts={"load_seconds": 0.0, "database_bytes": context.recovery_point().dump_bytes},
        )
    if not is_scratch and parameters.database in present:
        raise Refused(
            f'the database "{parameters.database}" is there already', where=device, hint="Nothing was touched."
        )
    if own in present:  # an earlier process of this very run died while loading
        databases.drop(device, own)
    point = context.recovery_point()
    databases.create(device, own, _comment(context))
    seconds = context.recovery.load_database(point, device, own, context.say)
    if not is_scratch:
        databases.rename(device, own, parameters.database)
    rate = point.dump_bytes / max(seconds, 0.001) / 1e6
    return Outcome(
        detail=f"{point.dump_bytes} bytes into {device}/{parameters.database} at {rate:.1f} MB/s",
        facts={"load_seconds": round(seconds, 3), "database_bytes": point.dump_bytes},
    )


def _drop_own(context: DrillContext, parameters: Database) -> Outcome:
    """Drop what this run made, under either name; refuse a database of anybody else."""
    databases, device = context.databases, parameters.server
    dropped = []
    for name in dict.fromkeys((context.own_name, parameters.database)):
        if name not in databases.names(device):
            continue
        if name != context.own_name and databases.comment(device, name) != _comment(context):
            raise Refused(f'the database "{name}" was not made by this run', where=device, hint="It is left as it is.")
        databases.drop(device, name)
        dropped.append(name)
    return Outcome(detail=f"dropped at {device}: {', '.join(dropped) or 'nothing, it was not there'}")


RESTORE = Action(
    "database.restore", "Stream the newest dump into an empty cluster", Database, BlastClass.CHANGE, _restore,
    undone_by=("database.drop_own",), timeout_seconds=3600, brings_back="backup",
)  # fmt: skip
DROP_OWN = Action("database.drop_own", "Drop the database that this run made", Database, BlastClass.CHANGE, _drop_own)

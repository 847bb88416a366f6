"""The stand-by of a database: promoted after a loss, brought back in order, made anew of whoever serves.

Which of two clusters serves is asked of both, each time: so an action that an earlier process of the run has done, or
that never became necessary, does nothing.
"""

from dcops.core.clock import monotonic, rfc3339
from dcops.core.errors import CommandError, DcopsError, Refused, TransportError
from dcops.core.units import Seconds
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.clusters import (
    Cluster,
    as_postgres,
    ask,
    await_cluster,
    control_data,
    find_cluster,
    in_recovery,
    is_up,
    moment_of,
    partner_connection,
    start,
    stop,
    wait_replayed,
)
from dr_drills.parameters import ClusterAt, DeviceName, SqlName

_STANDING = """
SELECT pg_is_in_recovery(), coalesce(pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text)
"""
# Slots of the time when it served: nobody reads them, and they would keep its log for ever.
_REMOVE_SECONDS = 900  # a large cluster has many files
_DROP_SLOTS = "SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE NOT active"
_RECEIVING = "SELECT status FROM pg_stat_wal_receiver"
# The first eight digits of the file it writes to are the timeline; the control file learns of it a checkpoint later.
_AFTER = """
SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8), extract(epoch FROM pg_last_xact_replay_timestamp())
"""


class Between(ClusterAt):
    """A cluster, and the one it is to follow or to take over from."""

    from_device: DeviceName
    from_cluster: SqlName
    within: Seconds = 60.0


def _promote(context: DrillContext, parameters: ClusterAt) -> Outcome:
    """Make a stand-by the one that serves, and tell what it had got of the lost one."""
    cluster = find_cluster(context, parameters.device, parameters.cluster)
    is_standby, received = ask(context, cluster, _STANDING)
    if is_standby == "f":
        return Outcome(detail=f"{cluster.where} serves already", facts=_recovered(context, cluster))
    began = monotonic()
    if ask(context, cluster, "SELECT pg_promote(true, 60)") != ("t",):
        raise DcopsError("it was not promoted within a minute", where=cluster.where)
    seconds = monotonic() - began
    facts = _recovered(context, cluster) | {"received_lsn": received, "promote_seconds": round(seconds, 3)}
    known = context.facts.find("primary_lsn")
    if known:
        facts["known_primary_lsn"] = known
    detail = f"{cluster.where} serves on timeline {facts['timeline']}, it had received up to {received}"
    return Outcome(detail=detail, facts=facts)


def _recovered(context: DrillContext, cluster: Cluster) -> dict[str, object]:
    """Give timeline and newest commit of what a stand-by had got; the latter is known until its next start."""
    timeline, newest = ask(context, cluster, _AFTER)
    facts: dict[str, object] = {"timeline": int(timeline, 16)}
    if newest:
        facts["newest_recovered"] = rfc3339(moment_of(newest))
    return facts


def _switch(context: DrillContext, parameters: Between) -> Outcome:
    """Hand over in order: stop the one that serves, see that the other has all of it, promote that.

    Nothing is lost, or nothing is changed: when the stand-by does not catch up, the first one serves on.
    """
    to = await_cluster(context, parameters.device, parameters.cluster, parameters.within)
    source = await_cluster(context, parameters.from_device, parameters.from_cluster, parameters.within)
    standing = in_recovery(context, to)
    if standing is None:
        raise Refused(f"{to.where} does not run", where=to.where, hint=f"{source.where} is left as it is.")
    if standing is False:
        if in_recovery(context, source) is False:
            raise Refused(f"{to.where} and {source.where} both serve", where=to.where, hint="Stop one of them first.")
        return Outcome(detail=f"{to.where} serves already")
    if in_recovery(context, source) is True:
        raise Refused(f"neither {to.where} nor {source.where} serves", where=to.where, hint="Promote one of them.")
    stop(context, source)
    try:
        control = control_data(context, source)
        state, last = control["Database cluster state"], control["Latest checkpoint location"]
        behind = wait_replayed(context, to, last, parameters.within) if state == "shut down" else None
    except DcopsError:
        start(context, source)
        raise
    if behind is None:
        start(context, source)
        message = f"{source.where} is {state} at {last}, which {to.where} did not get"
        raise DcopsError(message, where=to.where, hint=f"{source.where} serves on.")
    if ask(context, to, "SELECT pg_promote(true, 60)") != ("t",):
        raise DcopsError("it was not promoted within a minute", where=to.where)
    timeline = _recovered(context, to)["timeline"]
    detail = f"{to.where} serves with all of {source.where} up to {last}, timeline {timeline}"
    return Outcome(detail=detail, facts={"timeline": timeline, "switched_at_lsn": last})


def _rebuild(context: DrillContext, parameters: Between) -> Outcome:
    """Make a cluster the stand-by of the one that serves: rewound where that goes, else copied anew.

    What only this cluster has is gone then: naskah.salvage comes before.
    """
    cluster = await_cluster(context, parameters.device, parameters.cluster, parameters.within)
    source = await_cluster(context, parameters.from_device, parameters.from_cluster, parameters.within)
    if in_recovery(context, source) is not False:
        return Outcome(detail=f"{source.where} does not serve, so nothing follows it", facts={"rebuilt_by": "nothing"})
    _ensure_slot(context, source, cluster.slot)
    if in_recovery(context, cluster) and _streams(context, cluster, 0.0):
        return Outcome(detail=f"{cluster.where} follows {source.where} already", facts={"rebuilt_by": "nothing"})
    _require_same_system(context, cluster, source)
    stop(context, cluster)
    how = _rewind(context, cluster) or _copy(context, cluster)
    as_postgres(context, cluster, ["touch", f"{cluster.data}/standby.signal"])
    start(context, cluster)
    if not _streams(context, cluster, parameters.within):
        raise DcopsError(f"it does not stream from {source.where}", where=cluster.where)
    ask(context, cluster, _DROP_SLOTS)
    return Outcome(detail=f"{cluster.where} follows {source.where}, {how}", facts={"rebuilt_by": how})


def _require_same_system(context: DrillContext, cluster: Cluster, source: Cluster) -> None:
    """Refuse to put a copy in the place of data that never was the same database."""
    systems = [control_data(context, each)["Database system identifier"] for each in (cluster, source)]
    if systems[0] != systems[1]:
        message = f"it is of system {systems[0]}, {source.where} of {systems[1]}"
        raise Refused(message, where=cluster.where, hint="Its data is left as it is.")


def _ensure_slot(context: DrillContext, source: Cluster, slot: str) -> None:
    statement = (
        f"SELECT pg_create_physical_replication_slot('{slot}', true)"  # noqa: S608 - a name of the inventory
        f" WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{slot}')"
    )
    ask(context, source, statement)


def _streams(context: DrillContext, cluster: Cluster, within: float) -> bool:
    """Wait until the stand-by receives."""
    deadline = monotonic() + within
    while True:
        if is_up(context, cluster) and ask(context, cluster, _RECEIVING) == ("streaming",):
            return True
        if monotonic() > deadline:
            return False
        context.token.wait(0.3)
        context.token.raise_if_cancelled()


def _rewind(context: DrillContext, cluster: Cluster) -> str:
    """Take back what only this cluster has, since the two parted; empty when that cannot be done."""
    connection = f"{partner_connection(context, cluster)} dbname=postgres"
    argv = [cluster.program("pg_rewind"), f"--target-pgdata={cluster.data}", f"--source-server={connection}",
            f"--config-file={cluster.settings}"]  # fmt: skip
    try:
        as_postgres(context, cluster, argv, seconds=900)
    except TransportError:
        raise
    except CommandError as error:
        context.say(f"{cluster.where} cannot be rewound, it is copied: {error.message}")
        return ""
    return "rewound"


def _copy(context: DrillContext, cluster: Cluster) -> str:
    """Take a new copy beside the old data, then put it in its place; the old data goes last."""
    part, old = f"{cluster.data}.part", f"{cluster.data}.old"
    as_postgres(context, cluster, ["rm", "-rf", "--one-file-system", "--", part, old], seconds=_REMOVE_SECONDS)
    argv = [cluster.program("pg_basebackup"), f"--pgdata={part}", f"--dbname={partner_connection(context, cluster)}",
            f"--slot={cluster.slot}", "--wal-method=stream", "--checkpoint=fast", "--no-password"]  # fmt: skip
    as_postgres(context, cluster, argv, seconds=3000)
    as_postgres(context, cluster, ["mv", "--", cluster.data, old])
    as_postgres(context, cluster, ["mv", "--", part, cluster.data])
    as_postgres(context, cluster, ["rm", "-rf", "--one-file-system", "--", old], seconds=_REMOVE_SECONDS)
    return "copied anew"


PROMOTE = Action(
    "database.promote", "Make a stand-by the database that serves", ClusterAt, BlastClass.DISRUPT, _promote,
    undone_by=("database.switch",), promotes=True, brings_back="standby",
)  # fmt: skip
# No fence is asked of it: it stops the one that serves itself, and promotes only what has all of that.
SWITCH = Action(
    "database.switch", "Hand over to a stand-by without losing anything", Between, BlastClass.DISRUPT, _switch,
    undone_by=("database.switch",), timeout_seconds=300,
)  # fmt: skip
REBUILD = Action(
    "database.rebuild_standby", "Make a cluster the stand-by of the one that serves", Between, BlastClass.DISRUPT,
    _rebuild, undone_by=("database.rebuild_standby",), timeout_seconds=3600,
)  # fmt: skip

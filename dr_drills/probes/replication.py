"""Whether a stand-by follows, how far a promoted one had got, and which of two serves."""

from dcops.core.clock import monotonic, rfc3339
from dcops.core.errors import CommandError
from dcops.core.units import Seconds, format_duration
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.clusters import Cluster, ask, find_cluster, in_recovery, is_up, moment_of, wait_replayed
from dr_drills.parameters import ClusterAt, DeviceName, SqlName

_STANDING = """
SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
(SELECT r.state FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
 WHERE s.slot_name = '{slot}')
"""
_NEWEST = "SELECT extract(epoch FROM pg_last_xact_replay_timestamp())"
_READ_ONLY = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"


class Follows(ClusterAt):
    """A stand-by, the cluster it must follow, and how far behind it may be; `within`: how long to wait for that."""

    from_device: DeviceName
    from_cluster: SqlName
    lag: Seconds = 5.0
    within: Seconds = 0.0


def _replicates(context: DrillContext, parameters: Follows) -> Finding:
    """Ask both sides: one system, a slot in use, and what the one had when asked is soon replayed by the other."""
    deadline = monotonic() + parameters.within
    while True:
        found = _look(context, parameters)
        if found.is_ok or monotonic() >= deadline or context.token.is_cancelled:
            return found
        context.token.wait(0.5)


def _look(context: DrillContext, parameters: Follows) -> Finding:
    standby = find_cluster(context, parameters.device, parameters.cluster)
    serving = find_cluster(context, parameters.from_device, parameters.from_cluster)
    rows = []
    for cluster, wanted in ((standby, "t"), (serving, "f")):
        row = _standing(context, cluster, standby.slot)
        if row is None or row[0] != wanted:
            detail = f"{cluster.where} is {'no stand-by' if wanted == 't' else 'not the one that serves'}"
            return Finding(is_ok=False, reason="other_role", detail=detail)
        rows.append(row)
    if rows[0][1] != rows[1][1]:
        detail = f"{standby.where} is of system {rows[0][1]}, {serving.where} of {rows[1][1]}"
        return Finding(is_ok=False, reason="other_system", detail=detail)
    if rows[1][2] != "streaming":
        detail = f"nobody streams by slot {standby.slot} at {serving.where}"
        return Finding(is_ok=False, reason="not_streaming", detail=detail)
    return _lag(context, standby, serving, parameters.lag)


def _standing(context: DrillContext, cluster: Cluster, slot: str) -> tuple[str, ...] | None:
    """Give whether it is a stand-by, its system, and how the slot is used; None when it does not run."""
    try:
        return ask(context, cluster, _STANDING.format(slot=slot))
    except CommandError:
        if is_up(context, cluster):
            raise
        return None


def _lag(context: DrillContext, standby: Cluster, serving: Cluster, limit: float) -> Finding:
    """See how long the stand-by takes to what the other one has now; asking is part of the time, so it is a bound."""
    written = ask(context, serving, "SELECT pg_current_wal_lsn()")[0]
    seconds = wait_replayed(context, standby, written, limit)
    facts = {"primary_lsn": written, "slot": standby.slot}
    if seconds is None:
        detail = f"{standby.where} had not replayed {written} after {format_duration(limit)}"
        return Finding(is_ok=False, reason="behind", detail=detail, facts=facts)
    detail = f"{standby.where} has what {serving.where} had at {written}, less than {seconds:.1f} s later"
    return Finding(is_ok=True, detail=detail, facts=facts | {"replay_seconds_at_most": round(seconds, 3)})


def _is_primary(context: DrillContext, parameters: ClusterAt) -> Finding:
    cluster = find_cluster(context, parameters.device, parameters.cluster)
    if not is_up(context, cluster):
        return Finding(is_ok=False, reason="down", detail=f"{cluster.where} does not run")
    if ask(context, cluster, _READ_ONLY) != ("f",):
        return Finding(is_ok=False, reason="read_only", detail=f"{cluster.where} takes no writes")
    return Finding(is_ok=True, detail=f"{cluster.where} takes writes")


def _recovered(context: DrillContext, parameters: ClusterAt) -> Finding:
    """Tell the newest commit that a promoted stand-by had got; a server started since no longer knows it."""
    cluster = find_cluster(context, parameters.device, parameters.cluster)
    newest = ask(context, cluster, _NEWEST)
    told = rfc3339(moment_of(newest[0])) if newest and newest[0] else context.facts.find("newest_recovered")
    if not told or in_recovery(context, cluster) is not False:
        return Finding(is_ok=None, reason="not_promoted", detail=f"{cluster.where} was not promoted by this run")
    return Finding(is_ok=True, detail=f"the newest commit it had got is of {told}", facts={"newest_recovered": told})


REPLICATES = Probe("database.replicates", "A stand-by follows closely", Follows, _replicates, timeout_seconds=180)
IS_PRIMARY = Probe("database.is_primary", "A database takes writes", ClusterAt, _is_primary)
RECOVERED = Probe("database.recovered", "The newest commit a promoted stand-by had got", ClusterAt, _recovered)

"""The WAL archive before a drill, the table that is gone, and the one that came back."""

from typing import Annotated

from pydantic import Field

from dcops.backup.wal import ARCHIVER_QUERY, archiver_facts, judge_archive, parse_info, parse_segments
from dcops.core.clock import monotonic, rfc3339
from dcops.core.units import Seconds
from dcops.core.words import Status
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.actions.moment import digest_query, own_folder, point_of
from dr_drills.parameters import Database, Device, DeviceName, SqlName

_PGBACKREST = ("runuser", "-u", "postgres", "--", "pgbackrest")
QUICK = ("--io-timeout=10",)  # a repository host that is away is no reason to wait
_THERE = "SELECT to_regclass(%s) IS NOT NULL"


class Archive(Database):
    """The server that archives, who reads the archive, and how much may be not archived yet."""

    stanza: SqlName
    reader: DeviceName
    max: Annotated[Seconds, Field(gt=0)] = 300.0


class Within(Database):
    """How long to wait for it."""

    within: Seconds = 10.0


def _archived(context: DrillContext, parameters: Archive) -> Finding:
    """Hold what the server archived against what the repository has; see `dcops backup wal`."""
    facts = archiver_facts(context.databases.query(parameters.device, parameters.database, ARCHIVER_QUERY)[0])
    program = [*_PGBACKREST, *QUICK, f"--stanza={parameters.stanza}"]
    told = context.hosts.run(parameters.reader, [*program, "info", "--output=json"])
    info = parse_info(told, parameters.stanza)
    folder = f"archive/{parameters.stanza}/{info.archive_id}"
    listing = context.hosts.run(parameters.reader, [*program, "repo-ls", folder, "--recurse", "--output=json"])
    state = judge_archive(facts, info, parse_segments(listing), parameters.max)
    kept = {"exposure_seconds": state.exposure_seconds, "wal_max": info.wal_max, "base_backups": len(info.backups)}
    is_ok = state.status is Status.PASS
    return Finding(is_ok=is_ok, reason="" if is_ok else "not_archived", detail=state.reason, facts=kept)


def _gone(context: DrillContext, parameters: Within) -> Finding:
    """Look, as the application's account, until the table is not there."""
    deadline, table = monotonic() + parameters.within, context.own_name
    while True:
        if not context.databases.query(parameters.device, parameters.database, _THERE, (f"public.{table}",))[0][0]:
            return Finding(is_ok=True, detail=f"{table} is not in {parameters.database} at {parameters.device}")
        if monotonic() > deadline or context.token.is_cancelled:
            return Finding(is_ok=False, reason="still_there", detail=f"{table} is still there")
        context.token.wait(0.2)


def _rows(context: DrillContext, parameters: Database) -> Finding:
    """Hold the table against what was noted before the drop: rows, newest time, and one digest over its content."""
    point_of(context)
    point, table = context.recovery_point(), context.own_name
    there = {
        name
        for name in point.rows
        if context.databases.query(parameters.device, parameters.database, _THERE, (f"public.{name}",))[0][0]
    }
    if not there:
        reason = "table_missing" if table in point.rows else "other_application"
        return Finding(is_ok=False, reason=reason, detail=f"no table of the recovery point is at {parameters.device}")
    if set(point.rows) - there:
        return Finding(is_ok=False, reason="table_missing", detail=f"missing: {', '.join(set(point.rows) - there)}")
    count, newest, digest = context.databases.query(parameters.device, parameters.database, digest_query(table))[0]
    wanted = point.rows[table]
    facts = {"lost_acknowledged": max(0, wanted - count), "rows_back": count}
    said = f"{count} rows up to {newest}, before the drop {wanted} up to {point.newest}"
    if newest != point.newest and count < wanted:
        return Finding(is_ok=False, reason="tail_missing", detail=said, facts=facts)
    if count != wanted:
        return Finding(is_ok=False, reason="row_count_differs", detail=said, facts=facts)
    if newest != point.newest:
        return Finding(is_ok=False, reason="newest_differs", detail=said, facts=facts)
    if digest != point.digest:
        return Finding(is_ok=False, reason="content_differs", detail=f"{count} rows with another content", facts=facts)
    facts["newest_recovered"] = rfc3339(newest)
    return Finding(is_ok=True, detail=f"{count} rows, 0 lost, content as before the drop", facts=facts)


def _wiped(context: DrillContext, parameters: Device) -> Finding:
    """Look whether anything of this run is left where it restored."""
    if context.hosts.status(parameters.device, ["test", "-e", own_folder(context)]) == 0:
        return Finding(is_ok=False, reason="left", detail=f"{own_folder(context)} is still at {parameters.device}")
    return Finding(is_ok=True, detail=f"nothing of this run is left at {parameters.device}")


ARCHIVED = Probe("moment.archived", "The WAL archive works, is whole and young enough", Archive, _archived)
TABLE_GONE = Probe("moment.table_gone", "This run's table is not there", Within, _gone)
ROWS = Probe("moment.rows", "This run's table is as it was before the drop", Database, _rows)
WIPED = Probe("moment.wiped", "Nothing of this run is left where it restored", Device, _wiped)

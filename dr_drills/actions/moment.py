"""A table dropped by mistake, and the moment before it brought back from the WAL archive.

The table is this run's own, in the application's database, and carries its name; so are folder and server of what is
restored. Only what has that name is ever dropped or removed: what a run itself made it may damage, nothing else.
"""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from dcops.core.clock import monotonic
from dcops.core.errors import DcopsError, TimedOut
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome, RecoveryPoint
from dr_drills.parameters import Database, Device, DeviceName, SqlName

FOLDER = "/var/lib/postgresql"  # of the account that owns the files; a run's own folder lies below
PORT = "5999"  # of a socket in that folder alone; no TCP
_POSTGRES = ("runuser", "-u", "postgres", "--")
_ARCHIVE_SECONDS = 90.0
_REPLAY_SECONDS = 600.0
_SETTINGS = """\
listen_addresses = ''
port = {port}
unix_socket_directories = '{folder}'
hba_file = '{folder}/pg_hba.conf'
archive_mode = off
ssl = off
shared_buffers = 64MB
"""


class Lost(Database):
    """Where the table is made and dropped, and with how many rows, each with its own number and time."""

    owner: SqlName = "naskah"
    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 5000


class Moment(Device):
    """Where the moment is restored to, and which stanza and cluster it comes from."""

    stanza: SqlName
    from_device: DeviceName


class Carried(Database):
    """Where the rows go, and where they were restored."""

    from_device: DeviceName


def _psql(context: DrillContext, device: str, database: str, script: str, *, host: str = "") -> str:
    """Run statements at a device as the superuser by its local socket and give the output; a failure ends them."""
    where = ["--host", host, "--port", PORT] if host else []
    argv = [*_POSTGRES, "psql", "-AtqX", "-v", "ON_ERROR_STOP=1", *where, "-d", database, "-f", "-"]
    return context.hosts.run(device, argv, input=script.encode(), timeout_seconds=600).strip()


def own_folder(context: DrillContext) -> str:
    """Give the folder of what this run restores."""
    return f"{FOLDER}/{context.own_name}"


def point_of(context: DrillContext) -> RecoveryPoint:
    """Give the moment before the drop as a recovery point; after a restart of the run from what its steps told."""
    if context.point is None:
        told = {name: context.facts.find(name) for name in ("table_rows", "table_newest", "moment", "table_digest")}
        if None in told.values():
            raise DcopsError("no table of this run was lost yet", hint="Let an inject step use moment.lose_table.")
        context.point = _point(context, told)
    return context.point


def _point(context: DrillContext, told: dict[str, Any]) -> RecoveryPoint:
    return RecoveryPoint(
        application=context.scope.app, run=context.run_id, site=context.scope.from_site,
        environment=context.environment.value, repository_id="", snapshot_at=datetime.fromisoformat(told["moment"]),
        newest=datetime.fromisoformat(told["table_newest"]), rows={context.own_name: int(told["table_rows"])},
        dump_snapshot="", dump_name="", dump_sha256="", dump_bytes=0, files_snapshot=None, files=(),
        digest=str(told["table_digest"]),
    )  # fmt: skip


def digest_query(table: str) -> str:
    """Give the statement for rows, newest time and one digest over the whole content of this run's table."""
    content = "md5(string_agg(id || ':' || isi || ':' || extract(epoch FROM pada), ',' ORDER BY id))"
    return f"SELECT count(*), max(pada), {content} FROM public.{table}"  # noqa: S608 - a name of our own


def _lose(context: DrillContext, parameters: Lost) -> Outcome:
    """Fill a table of this run in several transactions, note it and the moment, and drop it."""
    table, own = context.own_name, f"SET ROLE {parameters.owner};\nSET TimeZone = 'UTC';\n"
    filled = "".join(
        f"INSERT INTO {table} (isi) SELECT md5(n::text) FROM generate_series({first}, {last}) n;\n"  # noqa: S608
        for first, last in _parts(parameters.rows)
    )
    columns = "id bigserial PRIMARY KEY, isi text NOT NULL, pada timestamptz NOT NULL DEFAULT clock_timestamp()"
    made = f"{own}CREATE TABLE {table} ({columns});\n{filled}"
    _psql(context, parameters.device, parameters.database, f"DROP TABLE IF EXISTS {table};\n{made}")
    noted = f"{own}{digest_query(table)};\nSELECT clock_timestamp();\n"
    lines = _psql(context, parameters.device, parameters.database, noted).splitlines()
    count, newest, digest = lines[0].split("|")
    dropped = _psql(
        context, parameters.device, parameters.database, f"DROP TABLE {table};\nSELECT clock_timestamp();\n"
    )
    facts = {"table": table, "table_rows": int(count), "table_newest": _time(newest), "table_digest": digest,
             "moment": _time(lines[1]), "dropped_by": _time(dropped)}  # fmt: skip
    context.point = _point(context, facts)
    return Outcome(detail=f"{table} with {count} rows dropped at {parameters.device}", facts=facts)


def _parts(rows: int) -> list[tuple[int, int]]:
    """Split the rows into ten transactions."""
    step = rows // 10
    return [(number * step + 1, rows if number == 9 else (number + 1) * step) for number in range(10)]


def _time(text: str) -> str:
    """Read PostgreSQL's time with a short zone (+00) into ISO 8601."""
    return datetime.fromisoformat(re.sub(r"([+-]\d\d)$", r"\1:00", text.strip())).isoformat()


def _restore(context: DrillContext, parameters: Moment) -> Outcome:
    """Have the last WAL archived, restore to the moment into this run's own folder, and start a server on it."""
    began, folder = monotonic(), own_folder(context)
    moment = point_of(context).snapshot_at
    waited = _archive(context, parameters.from_device)
    _remove(context, parameters)  # what an earlier process of this run left half done
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f+00")
    argv = [*_POSTGRES, "pgbackrest", f"--stanza={parameters.stanza}", f"--pg1-path={folder}", "--type=time",
            f"--target={text}", "--target-exclusive", "--target-action=promote", "restore"]  # fmt: skip
    context.hosts.run(parameters.device, argv, timeout_seconds=3600)
    _serve(context, parameters.device, folder)
    size = int(context.hosts.run(parameters.device, ["du", "-sb", folder], timeout_seconds=120).split()[0])
    context.point = point_of(context).model_copy(update={"dump_bytes": size})
    seconds = monotonic() - began
    of_it = f"{waited:.1f} s of it for the last WAL"
    return Outcome(
        detail=f"{size} bytes at {parameters.device} as of {text}, in {seconds:.1f} s; {of_it}",
        facts={"restore_seconds": round(seconds, 3), "database_bytes": size, "archive_wait_seconds": round(waited, 3)},
    )


def _archive(context: DrillContext, device: str) -> float:
    """Switch the segment in which the drop lies and wait until it is archived; give the seconds."""
    began = monotonic()
    segment = _psql(context, device, "postgres", "SELECT pg_walfile_name(pg_switch_wal());\n")
    while monotonic() - began < _ARCHIVE_SECONDS:
        if _psql(context, device, "postgres", "SELECT last_archived_wal FROM pg_stat_archiver;\n") >= segment:
            return monotonic() - began
        context.token.wait(0.5)
        context.token.raise_if_cancelled()
    hint = "Run: dcops backup wal."
    raise TimedOut(f"{segment} was not archived within {_ARCHIVE_SECONDS:g} s", where=device, hint=hint)


def _serve(context: DrillContext, device: str, folder: str) -> None:
    """Start a server on the restored files, reached by a socket in their folder, and wait until it has replayed."""
    settings = _SETTINGS.format(port=PORT, folder=folder)
    for name, text in (("postgresql.conf", settings), ("pg_hba.conf", "local all postgres peer\n")):
        context.hosts.run(device, [*_POSTGRES, "tee", f"{folder}/{name}"], input=text.encode())
    context.hosts.run(device, [*_POSTGRES, *_control(context, device), "-t", "300", "start"], timeout_seconds=330)
    began = monotonic()
    while _psql(context, device, "postgres", "SELECT pg_is_in_recovery();\n", host=folder) != "f":
        if monotonic() - began > _REPLAY_SECONDS:
            raise TimedOut("the restored server still replays", where=device)
        context.token.wait(0.3)
        context.token.raise_if_cancelled()


def _control(context: DrillContext, device: str) -> list[str]:
    """Give the command that starts and stops this run's server, of the newest PostgreSQL there."""
    found = context.hosts.run(device, ["find", "/usr/lib/postgresql", "-name", "pg_ctl"]).split()
    if not found:
        raise DcopsError("no PostgreSQL server is installed", where=device)
    folder = own_folder(context)
    return [max(found, key=_version), "-D", folder, "-w", "-l", f"{folder}/server.log"]


def _version(path: str) -> int:
    """Give the number in /usr/lib/postgresql/NUMBER/bin/pg_ctl."""
    return max((int(part) for part in path.split("/") if part.isdigit()), default=0)


def _carry(context: DrillContext, parameters: Carried) -> Outcome:
    """Dump the table from the restored server and load it where it was dropped, in one transaction."""
    folder, table = own_folder(context), context.own_name
    argv = [*_POSTGRES, "pg_dump", "--host", folder, "--port", PORT, f"--table=public.{table}", "--dbname",
            parameters.database]  # fmt: skip
    dumped = context.hosts.run(parameters.from_device, argv, timeout_seconds=600)
    script = f"BEGIN;\nDROP TABLE IF EXISTS public.{table};\n{dumped}\nCOMMIT;\n"
    _psql(context, parameters.device, parameters.database, script)
    return Outcome(detail=f"{table} carried back to {parameters.device}: {len(dumped)} characters")


def _drop_own(context: DrillContext, parameters: Database) -> Outcome:
    _psql(context, parameters.device, parameters.database, f"DROP TABLE IF EXISTS public.{context.own_name};\n")
    return Outcome(detail=f"{context.own_name} is no longer in {parameters.database} at {parameters.device}")


def _remove(context: DrillContext, parameters: Device) -> Outcome:
    """Stop this run's server and remove its folder; harmless when there is neither."""
    device, folder = parameters.device, own_folder(context)
    if context.hosts.status(device, ["test", "-d", folder]) != 0:
        return Outcome(detail=f"{folder} is not at {device}")
    if context.hosts.status(device, ["test", "-e", f"{folder}/postmaster.pid"]) == 0:
        context.hosts.status(device, [*_POSTGRES, *_control(context, device), "-m", "immediate", "stop"])
    context.hosts.run(device, ["rm", "-rf", "--one-file-system", "--", folder], timeout_seconds=300)
    return Outcome(detail=f"{folder} removed at {device}")


LOSE_TABLE = Action(
    "moment.lose_table", "Make a table of this run's own, fill it and drop it", Lost, BlastClass.CHANGE, _lose,
    undone_by=("moment.drop_own",), timeout_seconds=300,
)  # fmt: skip
RESTORE = Action(
    "moment.restore", "Restore the moment before the drop into a folder of this run", Moment, BlastClass.CHANGE,
    _restore, undone_by=("moment.remove_own",), timeout_seconds=3600, brings_back="archive",
)  # fmt: skip
CARRY_BACK = Action(
    "moment.carry_back", "Load the restored table where it was dropped", Carried, BlastClass.CHANGE, _carry,
    undone_by=("moment.drop_own",), timeout_seconds=900,
)  # fmt: skip
DROP_OWN = Action("moment.drop_own", "Drop this run's table", Database, BlastClass.CHANGE, _drop_own)
REMOVE_OWN = Action(
    "moment.remove_own", "Stop and remove what this run restored", Device, BlastClass.CHANGE, _remove,
    timeout_seconds=300,
)  # fmt: skip

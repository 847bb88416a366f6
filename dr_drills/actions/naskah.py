"""Letters and attachments of naskah dinas carried between sites, so that nothing accepted anywhere is lost for good."""

import re

from dcops.core.errors import DcopsError
from dcops.core.units import Seconds
from dcops.core.words import BlastClass, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.clusters import Cluster, alone, as_postgres, ask, await_cluster, find_cluster, in_recovery, stop
from dr_drills.parameters import ClusterAt, Database, DeviceName, FolderPath, OwnerName, SqlName

_COLUMNS = """
SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = '{table}'
"""
_COUNT = re.compile(r"^INSERT 0 (\d+)$", re.MULTILINE)


class CarryBack(Frozen):
    """From where to where; `path` holds the attachments at both application servers."""

    from_device: DeviceName
    to_device: DeviceName
    database: SqlName
    from_files: DeviceName
    to_files: DeviceName
    path: FolderPath
    owner: OwnerName


def _carry_back(context: DrillContext, parameters: CarryBack) -> Outcome:
    """Insert what the old database does not know; attachments first, so a row never comes without its file."""
    since = _since(context)
    databases, source, database = context.databases, parameters.from_device, parameters.database
    if database not in databases.names(source):
        return Outcome(detail=f"{source} never served, there is nothing to carry back", facts={"carried_letters": 0})
    condition = f"diterima_pada > '{since}'::timestamptz"
    letters, letter_rows = databases.export_rows(source, database, "surat", condition)
    of_them = f"surat_id IN (SELECT id FROM surat WHERE {condition})"  # noqa: S608 - made of a time of our own
    links, link_rows = databases.export_rows(source, database, "lampiran", of_them)
    copied = _copy_files(context, parameters, of_them)
    argv = ["runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "--dbname", database, "--file", "-"]
    script = _script((letters, letter_rows), (links, link_rows))
    told = context.hosts.run(parameters.to_device, argv, input=script, timeout_seconds=300)
    counts = _counted(told, parameters.to_device)
    return Outcome(
        detail=f"{counts[0]} letters, {counts[1]} attachments ({copied} bytes) carried to {parameters.to_device}",
        facts={"carried_letters": counts[0], "carried_attachments": counts[1]},
    )


Table = tuple[tuple[str, ...], bytes]


def _script(letters: Table, links: Table) -> bytes:
    """Give what psql reads to add letters and attachments that are not there yet, all or none."""
    return b"".join([
        b"\\set ON_ERROR_STOP on\nBEGIN;\n", _insert("surat", *letters), _insert("lampiran", *links), b"COMMIT;\n",
    ])  # fmt: skip


def _counted(told: str, where: str) -> list[int]:
    """Give how many letters and attachments psql says it took."""
    counts = [int(number) for number in _COUNT.findall(told)]
    if len(counts) != 2 or "COMMIT" not in told:
        raise DcopsError("psql did not say how many letters it took", where=where)
    return counts


def _insert(table: str, columns: tuple[str, ...], rows: bytes) -> bytes:
    """Give the psql lines that add rows of a COPY text which are not there yet."""
    names = ", ".join(columns)
    return (
        f"CREATE TEMPORARY TABLE dcops_{table} (LIKE {table}) ON COMMIT DROP;\n"
        f"COPY dcops_{table} ({names}) FROM STDIN;\n"
    ).encode() + rows + (
        f"\\.\nINSERT INTO {table} ({names}) SELECT {names} FROM dcops_{table} ON CONFLICT DO NOTHING;\n"  # noqa: S608 - names of our own
    ).encode()  # fmt: skip


def _copy_files(context: DrillContext, parameters: CarryBack, of_them: str) -> int:
    """Copy the attachments of carried letters that the recovery point did not have; give their bytes."""
    names = _newer_files(context, parameters.from_device, parameters.database, of_them)
    if not names:
        return 0
    return context.hosts.copy(parameters.from_files, parameters.to_files, parameters.path, names, parameters.owner)


def _newer_files(context: DrillContext, server: str, database: str, of_them: str) -> list[str]:
    """Give the attachments of some letters that the recovery point did not have, relative to their folder."""
    statement = f"SELECT DISTINCT sha256 FROM lampiran WHERE {of_them}"  # noqa: S608 - made of a time of our own
    known = {file.sha256 for file in context.recovery_point().files}
    found = [str(row[0]) for row in context.databases.query(server, database, statement)]
    return [f"{digest[:2]}/{digest}" for digest in found if digest not in known]


class CarryFiles(Database):
    """Whose letters' attachments are carried, from where, to where."""

    from_files: DeviceName
    to_files: DeviceName
    path: FolderPath
    owner: OwnerName


def _carry_files(context: DrillContext, parameters: CarryFiles) -> Outcome:
    """Copy the attachments of letters newer than the recovery point; those that are there are replaced by the same."""
    condition = f"diterima_pada > '{_since(context)}'::timestamptz"
    of_them = f"surat_id IN (SELECT id FROM surat WHERE {condition})"  # noqa: S608 - made of a time of our own
    names = _newer_files(context, parameters.server, parameters.database, of_them)
    if not names:
        return Outcome(detail="no letter newer than the backup has an attachment", facts={"carried_files": 0})
    size = context.hosts.copy(parameters.from_files, parameters.to_files, parameters.path, names, parameters.owner)
    detail = f"{len(names)} attachments newer than the backup ({size} bytes) to {parameters.to_files}"
    return Outcome(detail=detail, facts={"carried_files": len(names)})


class Salvage(ClusterAt):
    """The old primary, and the cluster promoted in its place."""

    database: SqlName
    to_device: DeviceName
    to_cluster: SqlName
    within: Seconds = 60.0


def _salvage(context: DrillContext, parameters: Salvage) -> Outcome:
    """Bring over what the lost primary had acknowledged and its stand-by had not got.

    It is started for that alone: no client can connect, and it takes no write.
    """
    old = await_cluster(context, parameters.device, parameters.cluster, parameters.within)
    new = find_cluster(context, parameters.to_device, parameters.to_cluster)
    if in_recovery(context, new) is not False:
        return Outcome(
            detail=f"{new.where} was not promoted, {old.where} has everything", facts={"salvaged_letters": 0}
        )
    if in_recovery(context, old):
        return Outcome(detail=f"{old.where} is a stand-by already", facts={"salvaged_letters": 0})
    stop(context, old)
    with alone(context, old):
        tables = [_export(context, old, parameters.database, *each) for each in _of_newer(_since(context))]
    argv = [
        "psql",
        "--cluster",
        f"{new.version}/{new.name}",
        "--no-psqlrc",
        f"--dbname={parameters.database}",
        "--file=-",
    ]
    told = as_postgres(context, new, argv, input=_script(tables[0], tables[1]), seconds=300)
    counts = _counted(told, new.where)
    detail = f"{counts[0]} letters, {counts[1]} attachments that only {old.where} had are at {new.where} now"
    return Outcome(detail=detail, facts={"salvaged_letters": counts[0]})


def _since(context: DrillContext) -> str:
    """Give the moment up to which the recovery point has everything."""
    point = context.recovery_point()
    return (point.newest or point.snapshot_at).isoformat()


def _of_newer(since: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Give table and condition for letters newer than `since`, and for their attachments."""
    condition = f"diterima_pada > '{since}'::timestamptz"
    return ("surat", condition), ("lampiran", f"surat_id IN (SELECT id FROM surat WHERE {condition})")  # noqa: S608


def _export(context: DrillContext, cluster: Cluster, database: str, table: str, condition: str) -> Table:
    """Give columns and rows (COPY text) of a table that match the condition, as the superuser at its server."""
    listing = _COLUMNS.format(table=table)
    columns = tuple(ask(context, cluster, listing, database=database)[0].split())
    names = ", ".join(columns)
    copy = f"COPY (SELECT {names} FROM {table} WHERE {condition}) TO STDOUT"  # noqa: S608 - names of our own
    argv = ["psql", "--cluster", f"{cluster.version}/{cluster.name}", "--no-psqlrc", f"--dbname={database}",
            f"--command={copy}"]  # fmt: skip
    return columns, as_postgres(context, cluster, argv, seconds=300).encode()


CARRY_BACK = Action(
    "naskah.carry_back", "Carry letters accepted at the recovery site back home", CarryBack, BlastClass.CHANGE,
    _carry_back, timeout_seconds=600,
)  # fmt: skip
CARRY_FILES = Action(
    "naskah.carry_files", "Carry attachments newer than the recovery point to another server", CarryFiles,
    BlastClass.CHANGE, _carry_files, timeout_seconds=600,
)  # fmt: skip
SALVAGE = Action(
    "naskah.salvage", "Bring over what only the lost primary had", Salvage, BlastClass.CHANGE, _salvage,
    timeout_seconds=600,
)  # fmt: skip

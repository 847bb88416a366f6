"""The way home of naskah dinas: letters accepted at the recovery site are carried back before anything is dropped."""

import re

from dcops.core.errors import DcopsError
from dcops.core.words import BlastClass, Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import DeviceName, FolderPath, OwnerName, SqlName

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
    point = context.recovery_point()
    since = (point.newest or point.snapshot_at).isoformat()
    databases, source, database = context.databases, parameters.from_device, parameters.database
    if database not in databases.names(source):
        return Outcome(detail=f"{source} never served, there is nothing to carry back", facts={"carried_letters": 0})
    condition = f"diterima_pada > '{since}'::timestamptz"
    letters, letter_rows = databases.export_rows(source, database, "surat", condition)
    of_them = f"surat_id IN (SELECT id FROM surat WHERE {condition})"  # noqa: S608 - made of a time of our own
    links, link_rows = databases.export_rows(source, database, "lampiran", of_them)
    copied = _copy_files(context, parameters, of_them)
    script = b"".join([
        b"\\set ON_ERROR_STOP on\nBEGIN;\n",
        _insert("surat", letters, letter_rows),
        _insert("lampiran", links, link_rows),
        b"COMMIT;\n",
    ])  # fmt: skip
    argv = ["runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "--dbname", database, "--file", "-"]
    told = context.hosts.run(parameters.to_device, argv, input=script, timeout_seconds=300)
    counts = [int(number) for number in _COUNT.findall(told)]
    if len(counts) != 2 or "COMMIT" not in told:
        raise DcopsError("psql did not say how many letters it took", where=parameters.to_device)
    return Outcome(
        detail=f"{counts[0]} letters, {counts[1]} attachments ({copied} bytes) carried to {parameters.to_device}",
        facts={"carried_letters": counts[0], "carried_attachments": counts[1]},
    )


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
    statement = f"SELECT DISTINCT sha256 FROM lampiran WHERE {of_them}"  # noqa: S608 - made of a time of our own
    known = {file.sha256 for file in context.recovery_point().files}
    found = [str(row[0]) for row in context.databases.query(parameters.from_device, parameters.database, statement)]
    names = [f"{digest[:2]}/{digest}" for digest in found if digest not in known]
    if not names:
        return 0
    return context.hosts.copy(parameters.from_files, parameters.to_files, parameters.path, names, parameters.owner)


CARRY_BACK = Action(
    "naskah.carry_back", "Carry letters accepted at the recovery site back home", CarryBack, BlastClass.CHANGE,
    _carry_back, timeout_seconds=600,
)  # fmt: skip

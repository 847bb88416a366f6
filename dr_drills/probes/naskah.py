"""What was recovered of naskah dinas, held against the manifest of the backup: rows, files, and what was lost."""

import hashlib
import re
from datetime import datetime, timedelta

from dcops.core.clock import rfc3339
from dcops.core.words import Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.measure import lost_letters
from dcops.drills.model import Finding, MarkName
from dr_drills.parameters import Database, DeviceName, FolderPath, SqlName, server_of

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_LINE = re.compile(r"^([0-9a-f]{64}) .*/([0-9a-f]{64})$")
# What is acknowledged shortly before the snapshot may lie on either side of it.
MARGIN = timedelta(seconds=30)

_ROWS = """
SELECT (SELECT count(*) FROM surat WHERE diterima_pada <= %s),
       (SELECT count(*) FROM lampiran JOIN surat ON surat.id = surat_id WHERE diterima_pada <= %s),
       (SELECT max(diterima_pada) FROM surat WHERE diterima_pada <= %s)
"""
_TABLES = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
"""
_SAMPLE = """
SELECT surat_id, sha256 FROM lampiran JOIN surat ON surat.id = surat_id WHERE diterima_pada <= %s
ORDER BY md5(sha256 || %s) LIMIT %s
"""


class Files(Frozen):
    """Where the files are, and how many of them to fetch as a client."""

    device: DeviceName
    path: FolderPath
    database_device: DeviceName
    database: str
    database_cluster: SqlName | None = None
    sample: int = 25


def _rows(context: DrillContext, parameters: Database) -> Finding:
    """Count what the backup held; letters accepted since are newer than its newest row and left out."""
    point = context.recovery_point()
    newest = point.newest
    if newest is None:
        return Finding(is_ok=None, reason="empty_backup", detail="the backup held no letter")
    lacking = _lacking(context, parameters)
    if lacking is not None:
        return lacking
    found = context.databases.query(parameters.server, parameters.database, _ROWS, (newest, newest, newest))
    letters, links, last = found[0]
    wanted = (point.rows.get("surat"), point.rows.get("lampiran"))
    if last != newest and letters < (wanted[0] or 0):
        detail = f"{letters} letters up to {last}, the manifest says {wanted[0]} up to {newest}"
        return Finding(is_ok=False, reason="tail_missing", detail=detail)
    if last != newest:
        detail = f"the newest letter is of {last}, the manifest says {newest}"
        return Finding(is_ok=False, reason="newest_differs", detail=detail)
    if (letters, links) != wanted:
        detail = f"{letters} letters and {links} attachments, the manifest says {wanted[0]} and {wanted[1]}"
        return Finding(is_ok=False, reason="row_count_differs", detail=detail)
    facts = {"letters": letters, "attachments": links, "newest_recovered": rfc3339(newest)}
    return Finding(is_ok=True, detail=f"{letters} letters, {links} attachments, as the manifest says", facts=facts)


def _lacking(context: DrillContext, parameters: Database) -> Finding | None:
    """Give what is wrong when tables of the manifest are not there: some, or all; None when each is."""
    there = {str(row[0]) for row in context.databases.query(parameters.server, parameters.database, _TABLES)}
    wanted = context.recovery_point().rows
    missing = sorted(set(wanted) - there)
    if not missing:
        return None
    if len(missing) == len(wanted):
        detail = "no table of the manifest is there: this is another application's database"
        return Finding(is_ok=False, reason="other_application", detail=detail)
    return Finding(is_ok=False, reason="table_missing", detail=f"tables of the manifest missing: {', '.join(missing)}")


def _files(context: DrillContext, parameters: Files) -> Finding:
    """Hash every file where it lies, then fetch a sample over HTTPS as a client and hash that too."""
    point = context.recovery_point()
    argv = ["find", parameters.path, "-type", "f", "-exec", "sha256sum", "{}", "+"]
    told = context.hosts.run(parameters.device, argv, timeout_seconds=600)
    pairs = [match.groups() for match in map(_LINE.match, told.splitlines()) if match]
    empty = [name for digest, name in pairs if digest == EMPTY_SHA256 != name]
    if empty:
        return Finding(is_ok=False, reason="file_empty", detail=f"{len(empty)} files are empty, first {empty[0][:16]}")
    wrong = [name for digest, name in pairs if digest != name]
    if wrong:
        return Finding(is_ok=False, reason="hash_differs", detail=f"{len(wrong)} files differ, first {wrong[0][:16]}")
    missing = {file.sha256 for file in point.files} - {name for _, name in pairs}
    if missing:
        return Finding(is_ok=False, reason="file_missing", detail=f"{len(missing)} files of the manifest are missing")
    statement = (point.newest, context.run_id, parameters.sample)
    server = server_of(parameters.database_device, parameters.database_cluster)
    sample = context.databases.query(server, parameters.database, _SAMPLE, statement)
    for letter, digest in sample:
        status, body = context.web.get(context.scope.service, f"/surat/{letter}/lampiran/{digest}", timeout_seconds=10)
        if status != 200 or hashlib.sha256(body).hexdigest() != digest:
            return Finding(is_ok=False, reason="fetched_differs", detail=f"status {status} for {str(digest)[:16]}")
    detail = f"{len(pairs)} files hashed at {parameters.device}, {len(sample)} fetched as a client"
    return Finding(is_ok=True, detail=detail, facts={"files_hashed": len(pairs), "files_fetched": len(sample)})


class Lost(Database):
    """How many acknowledged letters may be lost; none said: it is only counted."""

    max: int | None = None


def _lost(context: DrillContext, parameters: Lost) -> Finding:
    """Count letters the observer holds acknowledged before the fault's end and the recovered database lacks."""
    point = context.recovery_point()
    since = point.snapshot_at - MARGIN
    until = context.marks[MarkName.SERVICE.value]
    attempts = context.observer.attempts(since, until)
    ids = [attempt.id for attempt in attempts if attempt.is_acknowledged]
    statement = "SELECT id::text FROM surat WHERE id = ANY(%s::uuid[])"
    rows = context.databases.query(parameters.server, parameters.database, statement, (ids,))
    lost = set(lost_letters(attempts, {str(row[0]) for row in rows}))
    facts = {"acknowledged": len(ids), "lost_acknowledged": len(lost)}
    holes = [each for each in attempts if each.id in lost and each.at < point.snapshot_at - timedelta(seconds=5)]
    if holes:
        detail = f"{len(holes)} letters acknowledged before the backup are not in it"
        return Finding(is_ok=False, reason="hole", detail=detail, facts=facts)
    detail = f"{len(lost)} of {len(ids)} letters acknowledged since the backup are lost"
    if parameters.max is not None and len(lost) > parameters.max:
        return Finding(is_ok=False, reason="lost", detail=f"{detail}, at most {parameters.max} may be", facts=facts)
    return Finding(is_ok=True, detail=detail, facts=facts)


def since_of(context: DrillContext) -> datetime:
    """Give the moment from which letters are looked at: just before the backup's snapshot."""
    return context.recovery_point().snapshot_at - MARGIN


ROWS = Probe("naskah.rows", "The recovered rows are those of the manifest", Database, _rows)
FILES = Probe("naskah.files", "The recovered files are those of the manifest", Files, _files, timeout_seconds=900)
LOST = Probe("naskah.lost", "How many acknowledged letters the recovery lost", Lost, _lost)

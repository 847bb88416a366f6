"""restic's output -> model, and restic's failures -> the errors of dcops; pure.

restic adds message types and fields at any time (doc/075_scripting.rst), so unknown ones are ignored, and an exit
status that is not known is a failure.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from dcops.backup.model import Manifest, RepositoryLock, Saved, Snapshot
from dcops.core.errors import (
    AuthenticationFailed,
    DcopsError,
    IntegrityFailure,
    Interrupted,
    Locked,
    ParseError,
    RepositoryMissing,
    Unreachable,
    WrongKey,
)

# Words of restic 0.14 to 0.19 on stderr -> error and what to do. Order matters: a damaged pack is reported together
# with other lines, a lock with a hint, so the more specific come first.
_SIGNS: tuple[tuple[tuple[str, ...], type[DcopsError], str, str], ...] = (
    (
        ("wrong password or no key found",),
        WrongKey,
        "the key does not open the repository",
        "Compare the password with the custody list of the inventory.",
    ),
    (
        ("repository is already locked", "unable to create lock in backend: repository is already locked"),
        Locked,
        "the repository is locked",
        "See who holds it: dcops backup unlock --stale --check; wait, or remove a dead one without --check.",
    ),
    (
        ("401 Unauthorized", "403 Forbidden", "x509:", "certificate signed by unknown", "certificate is not trusted"),
        AuthenticationFailed,
        "the backup server refuses the account or shows another certificate",
        "Compare the account and the CA with the inventory.",
    ),
    (
        (
            "connection refused",
            "connection reset by peer",
            "no route to host",
            "no such host",
            "i/o timeout",
            "network is unreachable",
            "dial tcp",
        ),
        Unreachable,
        "the backup server does not answer",
        "Check the server and the route to it, then run again.",
    ),
    (
        (
            "ciphertext verification failed",
            "Pack ID does not match",
            "repository contains errors",
            "returned invalid hash",
            "invalid data returned",
            "not found in repository index",
            "is not referenced in any index",
            "integrity check failed",
            "unexpected pack id",
            "not found in repository",
            "unexpected file size",
            "ReadFull: unexpected EOF",
            "LoadIndex returned errors",
            "config or key",
            "Unmarshal: invalid character",
        ),
        IntegrityFailure,
        "the repository holds damaged data",
        "Run dcops backup check --read-data, and restore from another copy.",
    ),
    (
        ("Is there a repository at the following location", "unable to open config file", "repository does not exist"),
        RepositoryMissing,
        "there is no repository",
        "Check the address; a repository that was enrolled before has been moved or removed.",
    ),
)
_CODES: dict[int, int] = {10: 5, 11: 1, 12: 0}
_DAMAGE = 4
# A pack that is gone is told by its path only, on a folder and on a server in different words.
_PACK_GONE = re.compile(r"<data/\w+>.*(?:no such file|does not exist|\b404\b)|^pack \w+: does not exist", re.I | re.M)
_PARTLY, _INTERRUPTED = 3, 130


def classify_failure(status: int, stderr: str, where: str) -> DcopsError:
    """Give the error for a failed restic: by exit status where restic has one, else by its words."""
    last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "no message")
    position = _CODES.get(status)
    if position is None:
        low = stderr.lower()
        position = next((i for i, row in enumerate(_SIGNS) if any(sign.lower() in low for sign in row[0])), None)
    if position is None and _PACK_GONE.search(stderr):
        position = _DAMAGE
    if position is None:
        return _unclassified(status, last, where)
    _, kind, message, hint = _SIGNS[position]
    detail = _damage_line(stderr) if kind is IntegrityFailure else ""
    return kind(f"{message}{detail}", where=where, hint=hint)


def _unclassified(status: int, last: str, where: str) -> DcopsError:
    """Give the error for a status that says something by itself, and a plain failure for every other one."""
    if status == _INTERRUPTED:
        return Interrupted("restic was interrupted", where=where)
    if status == _PARTLY:
        hint = "What it stored is incomplete and does not count; look at the source, then run again."
        return DcopsError(f"restic did a part only: {last}", where=where, hint=hint)
    return DcopsError(f"restic ended with status {status}: {last}", where=where)


def _damage_line(stderr: str) -> str:
    """Give the line that names the damaged pack or blob, for the message."""
    signs = _SIGNS[_DAMAGE][0]
    for line in stderr.splitlines():
        if any(sign.lower() in line.lower() for sign in signs) or _PACK_GONE.search(line):
            return f" ({line.strip()[:160]})"
    return ""


def json_lines(text: str) -> Iterator[dict[str, Any]]:
    """Give each JSON object that stands on a line of its own; other lines are skipped."""
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def parse_backup_summary(text: str) -> dict[str, Any]:
    """Give the summary message of `restic backup --json`. Raises ParseError when there is none."""
    found = [message for message in json_lines(text) if message.get("message_type") == "summary"]
    if not found or not found[-1].get("snapshot_id"):
        raise ParseError("restic gave no summary, so no snapshot can be named", hint="Run again; nothing was recorded.")
    return found[-1]


def parse_snapshots(text: str) -> list[Snapshot]:
    """Read `restic snapshots --json`, oldest first. Raises ParseError."""
    try:
        rows = json.loads(text or "[]") or []
        snapshots = [
            Snapshot(
                id=row["id"],
                time=datetime.fromisoformat(_microseconds(row["time"])),
                tree=row["tree"],
                hostname=row.get("hostname", ""),
                tags=tuple(row.get("tags") or ()),
                paths=tuple(row.get("paths") or ()),
                original=row.get("original", ""),
            )
            for row in rows
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ParseError(f"restic's list of snapshots cannot be read: {error}") from error
    return sorted(snapshots, key=lambda snapshot: snapshot.time)


def _microseconds(text: str) -> str:
    """Cut restic's nanoseconds to the microseconds Python keeps."""
    head, dot, rest = text.partition(".")
    if not dot:
        return text
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"


def parse_repository_id(text: str) -> str:
    """Read the id out of `restic cat config`. Raises ParseError."""
    try:
        return str(json.loads(text)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ParseError("restic's repository configuration cannot be read") from error


def parse_lock_ids(text: str) -> list[str]:
    """Read `restic list locks`: one id a line; anything else said there is passed over."""
    words = (line.strip() for line in text.splitlines())
    return [word for word in words if len(word) == 64 and not word.strip("0123456789abcdef")]


def parse_lock(lock_id: str, text: str) -> RepositoryLock:
    """Read `restic cat lock ID`. Raises ParseError: a lock that cannot be read is nobody's to judge."""
    try:
        row = json.loads(text)
        return RepositoryLock(
            id=lock_id,
            time=datetime.fromisoformat(_microseconds(row["time"])),
            hostname=row.get("hostname", ""),
            username=row.get("username", ""),
            pid=row["pid"],
            is_exclusive=row.get("exclusive", False),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ParseError(f"lock {lock_id[:8]} cannot be read", hint="Look at it on the backup server.") from error


def saved_from(summary: dict[str, Any]) -> Saved:
    """Give what the summary of a backup says; its tree is in the list of snapshots only."""
    return Saved(
        snapshot=str(summary["snapshot_id"]),
        files=int(summary.get("total_files_processed", 0)),
        size_bytes=int(summary.get("total_bytes_processed", 0)),
        added_bytes=int(summary.get("data_added", 0)),
        seconds=float(summary.get("total_duration", 0.0)),
    )


def parse_manifest(raw: bytes, where: str) -> Manifest:
    """Read a manifest out of the repository. Raises ParseError when it is none."""
    try:
        return Manifest.model_validate_json(raw)
    except ValueError as error:
        raise ParseError(f"this is no backup manifest: {str(error).splitlines()[0]}", where=where) from error

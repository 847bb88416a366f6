"""Telling people when nothing better works: a line on stderr (systemd keeps it) and a file in a spool directory.

The break-glass adapter of the Notify port: it needs no network, no database and no free disk to do its first half.
"""

import json
import sys
from pathlib import Path

from dcops.core.clock import rfc3339, utc_now
from dcops.core.errors import DcopsError
from dcops.core.files import write_atomic
from dcops.core.ulid import new_ulid
from dcops.runs.ports import Urgency


class SpoolNotify:
    """Writes each message to stderr and to `<directory>/<ULID>.json`, from which a sender may fetch it later."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def send(self, urgency: Urgency, subject: str, body: str) -> None:
        """Tell it; a directory that cannot be written costs the file, never the line on stderr."""
        print(f"dcops: {urgency.value}: {subject}: {body}", file=sys.stderr, flush=True)
        message = {"at": rfc3339(utc_now()), "urgency": urgency.value, "subject": subject, "body": body}
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            write_atomic(self._directory / f"{new_ulid()}.json", json.dumps(message) + "\n")
        except (OSError, DcopsError) as error:
            print(f"dcops: the message could not be kept: {error}", file=sys.stderr, flush=True)

"""What each restic version can do (CHANGELOG.md of restic); a version is asked once and looked up here.

Tried with 0.14.0 (Debian 12) and 0.18.0 (Debian 13). A later version than the last row is treated like the last row.
"""

import re

from dcops.core.errors import ParseError
from dcops.core.words import Frozen

MINIMUM = (0, 14, 0)


class ResticFeatures(Frozen):
    """What the adapter may rely on.

    Attributes:
        version: as reported, three numbers.
        has_retry_lock: `--retry-lock` exists (0.16.0, #719); before, dcops polls by itself.
        has_rest_environment: RESTIC_REST_USERNAME and _PASSWORD are read (0.16.1, #4480); before, the account goes
            into RESTIC_REPOSITORY_FILE, which is as private as the password file.
        has_exit_codes: 10 missing and 11 locked (0.17.0, #956); before, stderr is classified.
        has_wrong_key_code: 12 (0.17.1, #4959).
        has_full_snapshot_id: the backup summary gives the whole id (0.15.0, #2724); before, it is looked up.
    """

    version: tuple[int, int, int]
    has_full_snapshot_id: bool
    has_retry_lock: bool
    has_rest_environment: bool
    has_exit_codes: bool
    has_wrong_key_code: bool


def parse_version(text: str) -> tuple[int, int, int]:
    """Read `restic 0.14.0 compiled with ...`. Raises ParseError when it is no such line."""
    match = re.match(r"restic (\d+)\.(\d+)\.(\d+)", text)
    if not match:
        raise ParseError("restic does not tell its version", hint="Check which restic is first on PATH.")
    major, minor, patch = (int(part) for part in match.groups())
    return major, minor, patch


def features_of(version: tuple[int, int, int]) -> ResticFeatures:
    """Give what restic `version` can do. Raises ParseError for one that is too old."""
    if version < MINIMUM:
        found = ".".join(map(str, version))
        raise ParseError(f"restic {found} is too old", hint="Install restic 0.14.0 or later.")
    return ResticFeatures(
        version=version,
        has_full_snapshot_id=version >= (0, 15, 0),
        has_retry_lock=version >= (0, 16, 0),
        has_rest_environment=version >= (0, 16, 1),
        has_exit_codes=version >= (0, 17, 0),
        has_wrong_key_code=version >= (0, 17, 1),
    )

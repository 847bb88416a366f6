"""What each restic version can do (CHANGELOG.md of restic); a version is asked once and looked up here.

Tried with 0.14.0 (Debian 12) and 0.18.0 (Debian 13); the rest is read. A later version than the last row is treated
like the last row: restic adds messages and exit codes, and what is not known here is passed over or a failure.
"""

import re

from dcops.core.errors import ParseError
from dcops.core.words import Frozen

MINIMUM = (0, 14, 0)
NEWEST_KNOWN = (0, 19, 1)


class ResticFeatures(Frozen):
    """What the adapter may rely on; each field is one row of SINCE.

    Attributes:
        version: as reported, three numbers.
        has_init_json: `init --json`; before, text.
        has_full_snapshot_id: the backup summary gives the whole id (#2724); before, it is looked up.
        has_retry_lock: `--retry-lock` exists (#719); before, an unknown flag. dcops polls by itself in any version.
        has_subfolder_restore: `SNAPSHOT:FOLDER` and `repair index`.
        has_rest_environment: RESTIC_REST_USERNAME and _PASSWORD are read (#4480); before, the account goes into
            RESTIC_REPOSITORY_FILE, which is as private as the password file.
        has_exit_codes: 10 missing and 11 locked (#956); before, stderr is classified.
        has_version_json: `version --json`; before, a line of text.
        has_stdin_from_command: `--stdin-from-command`. Not used: dcops guards its producer in any version.
        has_snapshot_summary: counts inside the list of snapshots.
        has_restore_dry_run: `restore --dry-run` and `--overwrite`.
        has_wrong_key_code: 12 (#4959); before, stderr is classified.
        has_restore_json_errors: a failed restore tells each file as JSON.
        has_check_json: `check --json` (#1378); before, text.
        has_exit_error: an `exit_error` object on stderr (#4948).
        has_missing_source_code: 3 for a source that is not there (#4467); before, 0 and a line on stderr, so a path is
            looked at before restic is called.
        has_forget_code: 3 when forget could not remove all (#5233); before, 0.
        has_interrupt_code: 130 after SIGINT in every command (#5258).
    """

    version: tuple[int, int, int]
    has_init_json: bool
    has_full_snapshot_id: bool
    has_retry_lock: bool
    has_subfolder_restore: bool
    has_rest_environment: bool
    has_exit_codes: bool
    has_version_json: bool
    has_stdin_from_command: bool
    has_snapshot_summary: bool
    has_restore_dry_run: bool
    has_wrong_key_code: bool
    has_restore_json_errors: bool
    has_check_json: bool
    has_exit_error: bool
    has_missing_source_code: bool
    has_forget_code: bool
    has_interrupt_code: bool

    @property
    def is_newer_than_known(self) -> bool:
        """Whether this version came after the last one that was read about here."""
        return self.version[:2] > NEWEST_KNOWN[:2]


SINCE: dict[str, tuple[int, int, int]] = {
    "has_init_json": (0, 15, 0),
    "has_full_snapshot_id": (0, 15, 0),
    "has_retry_lock": (0, 16, 0),
    "has_subfolder_restore": (0, 16, 0),
    "has_rest_environment": (0, 16, 1),
    "has_exit_codes": (0, 17, 0),
    "has_version_json": (0, 17, 0),
    "has_stdin_from_command": (0, 17, 0),
    "has_snapshot_summary": (0, 17, 0),
    "has_restore_dry_run": (0, 17, 0),
    "has_wrong_key_code": (0, 17, 1),
    "has_restore_json_errors": (0, 17, 1),
    "has_check_json": (0, 18, 0),
    "has_exit_error": (0, 18, 0),
    "has_missing_source_code": (0, 19, 0),
    "has_forget_code": (0, 19, 0),
    "has_interrupt_code": (0, 19, 0),
}


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
    can = {name: version >= since for name, since in SINCE.items()}
    return ResticFeatures.model_validate({"version": version, **can})

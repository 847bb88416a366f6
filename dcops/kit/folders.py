"""Opening a kit into a folder: all of it appears at once, or nothing does."""

import json
import os
import shlex
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from dcops.core.errors import DcopsError, Refused
from dcops.core.files import PATH_HINT, write_atomic

_MARK = ".dcops-kit-opening"


@contextmanager
def filled(target: Path) -> Iterator[Path]:
    """Give a private folder beside `target`; when the block ends well it becomes `target`, else it is removed.

    Raises Refused (exit 7) when `target` is there and not empty, or is no folder. What a killed call left is removed.
    """
    target = target.absolute()
    _require_empty(target)
    staging = target.with_name(f"{_MARK}-{target.name}")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=0o700)
        yield staging
        _require_empty(target)
        if target.exists():
            target.rmdir()
        staging.rename(target)
    except OSError as error:
        raise DcopsError(f"cannot write: {error.strerror}", where=str(target), hint=PATH_HINT) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def unpack_source(archive: Path, folder: Path) -> None:
    """Unpack the tree of the content; raise DcopsError for a member that is no plain file or folder below `folder`."""
    folder.mkdir()
    with tarfile.open(archive) as opened:
        for member in opened:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
                raise DcopsError("the content holds what is no file below it", where=member.name)
            target = folder / path
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            source = opened.extractfile(member)
            assert source is not None  # a plain file
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                shutil.copyfileobj(source, stream)
                os.fchmod(stream.fileno(), 0o755 if member.mode & 0o100 else 0o644)


def write_environment(folder: Path, target: Path, facts: dict[str, Any]) -> None:
    """Write what a shell needs to work with the opened kit at `target`, and what was opened by whom."""
    lines = [f"export {name}={shlex.quote(str(target / value))}" for name, value in _VARIABLES]
    write_atomic(folder / "env.sh", "# Read by: . env.sh\n" + "\n".join(lines) + "\n")
    write_atomic(folder / "opened.json", json.dumps(facts, indent=2) + "\n")


_VARIABLES: Sequence[tuple[str, str]] = (("DCOPS_HOME", "home"), ("DCOPS_SECRETS", "secrets"), ("DCOPS_STATE", "state"))


def _require_empty(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir() or any(target.iterdir()):
        hint = "Name a new or empty folder: opening a kit overwrites nothing."
        raise Refused("the folder is not empty", where=str(target), hint=hint)

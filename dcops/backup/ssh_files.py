"""A local mirror of a content-addressed folder of another host.

Why a mirror and not restic on the application server: that server faces the users and must not hold the repository's
key or account, even for a moment. Why not a tar stream into restic: single files could not be listed, compared or
restored, and small new files would not deduplicate. Files are named by their SHA-256 and never change, so a run fetches
the new ones only, and each is checked against its name as it arrives.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dcops.backup.model import StoredFile
from dcops.backup.ports import OnBytes
from dcops.backup.ssh import SshTarget
from dcops.core.errors import CommandError, IntegrityFailure
from dcops.core.files import private_dir
from dcops.core.process import PIPE, start

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20


class SshFileMirror:
    """Mirror of `path` on a host below `folder`, which only its owner can enter."""

    def __init__(self, target: SshTarget, path: str, folder: Path) -> None:
        self._target = target
        self._path = path
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the copy lies."""
        return self._folder

    def refresh(self, on_bytes: OnBytes) -> tuple[StoredFile, ...]:
        """Bring the copy up to date and give all its files, sorted by SHA-256.

        Raises IntegrityFailure when a file's content is not what its name says; the copy then keeps the good ones.
        """
        private_dir(self._folder)
        wanted = self._list()
        present = {path.name for path in self._files()}
        self._forget(present - set(wanted))
        new = sorted(set(wanted) - present)
        if new:
            self._fetch([wanted[name][0] for name in new], new, on_bytes)
        return tuple(StoredFile(sha256=name, size_bytes=wanted[name][1]) for name in sorted(wanted))

    def _list(self) -> dict[str, tuple[str, int]]:
        """Give SHA-256 -> (name relative to the folder, bytes); an unfinished upload has no such name."""
        done = self._target.run(["find", self._path, "-type", "f", "-printf", "%s %P\\n"], timeout_seconds=300)
        found: dict[str, tuple[str, int]] = {}
        for line in done.text.splitlines():
            size, _, relative = line.partition(" ")
            name = PurePosixPath(relative).name
            if _SHA256.fullmatch(name):
                found[name] = (relative, int(size))
        return found

    def _files(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("*/*") if path.is_file() and _SHA256.fullmatch(path.name))

    def _forget(self, names: set[str]) -> None:
        """Remove what the host no longer has: the mirror is a copy, older copies are in the repository."""
        for path in self._files():
            if path.name in names:
                path.unlink()

    def _fetch(self, relative: list[str], names: list[str], on_bytes: OnBytes) -> None:
        """Stream the files through tar into a private folder, check each against its name, then move it in."""
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        try:
            self._stream("".join(f"{name}\0" for name in relative).encode(), staging)
            for name in names:
                path = next(staging.rglob(name), None)
                if path is None or _digest(path) != name:
                    hint = "The copy at the source is damaged; restore it from an earlier snapshot."
                    message = f"file {name[:16]} is not what its name says"
                    raise IntegrityFailure(message, where=self._target.name, hint=hint)
                on_bytes(path.stat().st_size)
                goal = self._folder / name[:2] / name
                goal.parent.mkdir(exist_ok=True)
                path.rename(goal)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _stream(self, listing: bytes, staging: Path) -> None:
        """Run tar there and tar here, a pipe between them."""
        command = ["tar", "-C", self._path, "--null", "--verbatim-files-from", "-T", "-", "-cf", "-"]
        with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as errors:
            names.write(listing)
            names.seek(0)
            with start(self._target.argv(command), stdin=names, stdout=PIPE, stderr=errors) as source:
                unpack = ["tar", "-xf", "-", "--no-same-owner", "-C", str(staging)]
                with start(unpack, stdin=source.stdout) as sink:
                    source.stdout.close()
                    status, unpacked = source.wait(600), sink.wait(60)
            errors.seek(0)
            if status != 0:
                raise self._target.failure(command, status, errors.read().decode(errors="replace"))
            if unpacked != 0:
                raise CommandError(unpack, unpacked, "", hint="Check the disk of this host.")


def _digest(path: Path) -> str:
    """Give the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

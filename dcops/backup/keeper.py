"""The repository on the retention host's own disk: forget, prune and keys, as the account that owns the files.

The backup server's account must be able to read whatever a prune writes, locks too, so restic runs as that account. Its
key comes through a pipe made for one process: the account, which faces the network, never has a file of it.
"""

import os
import pwd
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from dcops.backup.features import features_of, parse_version
from dcops.backup.model import Snapshot
from dcops.backup.parse import classify_failure, parse_repository_id, parse_snapshots
from dcops.core.clock import monotonic, sleep
from dcops.core.errors import DcopsError, Locked, RepositoryMissing
from dcops.core.process import run
from dcops.core.secrets import Secret, mask

_POLL_SECONDS = 1.0
_AT_ONCE = 500  # ids in one call of restic: far below the limit of an argument list


class LocalKeeper:
    """One repository in a folder here, with what only its keeper may do."""

    def __init__(self, path: Path, password: Secret, lock_wait_seconds: float = 0.0) -> None:
        self._path, self._password, self._wait = path, password, lock_wait_seconds

    @property
    def where(self) -> str:
        """The folder, for messages."""
        return str(self._path)

    @property
    def tool_version(self) -> str:
        """Version of restic."""
        return ".".join(map(str, features_of(parse_version(run(["restic", "version"]).text)).version))

    def identity(self) -> str:
        """Give the repository's id. Raises RepositoryMissing, WrongKey, Locked."""
        return parse_repository_id(self._call(["cat", "config"]))

    def snapshots(self) -> list[Snapshot]:
        """Give all snapshots, oldest first."""
        return parse_snapshots(self._call(["snapshots", "--json"]))

    def forget(self, ids: Sequence[str]) -> None:
        """Forget snapshots by whole ids, in this order; nothing else is ever named to restic. Raises DcopsError."""
        if any(len(each) != 64 or each.strip("0123456789abcdef") for each in ids):
            raise DcopsError("only whole snapshot ids may be forgotten", where=self.where)
        for first in range(0, len(ids), _AT_ONCE):
            self._call(["forget", *ids[first : first + _AT_ONCE]])
        left = {each.id for each in self.snapshots()} & set(ids)
        if left:  # restic before 0.19 ends with 0 when it could not remove one
            message = f"{len(left)} of {len(ids)} snapshots are still there, first {min(left)[:8]}"
            raise DcopsError(message, where=self.where, hint="Look at the permissions of the repository's files.")

    def prune(self) -> None:
        """Remove what no snapshot needs."""
        self._call(["prune"])

    def add_key(self, password: str) -> None:
        """Let one more password open the repository."""
        with ExitStack() as stack:
            descriptor = self._pipe(password, stack)
            self._call(["key", "add", "--new-password-file", f"/dev/fd/{descriptor}"], (descriptor,))

    def _call(self, arguments: Sequence[str], descriptors: Sequence[int] = ()) -> str:
        """Run restic as the owner of the repository and give its output; waits for a lock as long as it may."""
        deadline = monotonic() + self._wait
        while True:
            with ExitStack() as stack:
                key = self._pipe(self._password.reveal(), stack)
                env = {"RESTIC_REPOSITORY": str(self._path), "RESTIC_PASSWORD_FILE": f"/dev/fd/{key}"}
                done = run(self._command(arguments), env=env, cwd=Path("/"), timeout_seconds=None, check=False,
                           pass_fds=(key, *descriptors))  # fmt: skip
            if done.returncode == 0:
                return done.text
            said = (done.stderr + done.stdout[-2000:]).decode(errors="replace")
            error = classify_failure(done.returncode, mask(said, [self._password.reveal()]), self.where)
            if not isinstance(error, Locked) or monotonic() >= deadline:
                raise error
            sleep(_POLL_SECONDS)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        words = ["restic", "--no-cache", *([] if "--json" in arguments else ["--quiet"]), *arguments]
        owner = self._owner()
        return words if owner is None else ["runuser", "-u", owner.pw_name, "--", *words]

    def _owner(self) -> pwd.struct_passwd | None:
        """Give the account that owns the repository, None when it is this one. Raises RepositoryMissing."""
        try:
            found = self._path.stat().st_uid
        except FileNotFoundError as error:
            raise RepositoryMissing("there is no repository", where=str(self._path)) from error
        return None if found == os.geteuid() else pwd.getpwuid(found)

    def _pipe(self, text: str, stack: ExitStack) -> int:
        """Give a descriptor that reads `text` once and then ends, which the owner of the repository may open."""
        reader, writer = os.pipe()
        stack.callback(os.close, reader)
        owner = self._owner()
        if owner is not None:
            os.fchown(reader, owner.pw_uid, owner.pw_gid)
        with os.fdopen(writer, "wb") as stream:  # far below what a pipe holds without a reader
            stream.write(f"{text}\n".encode())
        return reader

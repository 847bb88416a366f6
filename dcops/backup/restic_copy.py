"""Copies snapshots from one restic repository into another, each with its own key and account.

Both addresses go by private files that hold the accounts: restic reads one account at most from its environment, and
here are two. The files live as long as one call.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from dcops.backup.parse import classify_failure
from dcops.backup.restic import ResticAccess, with_login
from dcops.core.clock import monotonic, sleep
from dcops.core.errors import Locked
from dcops.core.files import private_dir, write_atomic
from dcops.core.process import run
from dcops.core.secrets import mask

_POLL_SECONDS = 1.0


class ResticCopier:
    """From `source` to `target`; neither is changed but by what is added to the target, and locks."""

    def __init__(self, source: ResticAccess, target: ResticAccess) -> None:
        self._source, self._target = source, target

    def initialise(self) -> None:
        """Make the target, cutting files into the same pieces as the source, so that copies share what is equal."""
        self._call(["init", "--copy-chunker-params"])

    def copy(self, ids: Sequence[str]) -> None:
        """Copy snapshots; one that is there already is passed over. Raises DcopsError classified as any of restic."""
        self._call(["copy", *ids])

    def _call(self, arguments: Sequence[str]) -> None:
        deadline = monotonic() + self._target.lock_wait_seconds
        while True:
            with self._environment() as env:
                done = run(["restic", "--quiet", *self._authorities(), *arguments], env=env, timeout_seconds=None,
                           check=False)  # fmt: skip
            if done.returncode == 0:
                return
            said = mask((done.stderr + done.stdout[-2000:]).decode(errors="replace"), self._secrets())
            error = classify_failure(done.returncode, said, f"{self._source.url} to {self._target.url}")
            if not isinstance(error, Locked) or monotonic() >= deadline:
                raise error
            sleep(_POLL_SECONDS)

    def _authorities(self) -> list[str]:
        files = dict.fromkeys(access.ca for access in (self._source, self._target) if access.ca)
        return [word for path in files for word in ("--cacert", str(path))]

    def _secrets(self) -> list[str]:
        words = []
        for access in (self._source, self._target):
            account = access.login[1].reveal() if access.login else ""
            words += [access.password.reveal(), account, quote(account, safe="")]
        return words

    @contextmanager
    def _environment(self) -> Iterator[Mapping[str, str]]:
        with tempfile.TemporaryDirectory(prefix="dcops-") as folder:
            env = {"RESTIC_CACHE_DIR": str(private_dir(self._target.cache)), "RESTIC_PROGRESS_FPS": "0.2"}
            for prefix, access in (("RESTIC_FROM_", self._source), ("RESTIC_", self._target)):
                assert access.password.path is not None
                path = Path(folder) / f"{prefix}repository"
                address = with_login(access.url, *access.login) if access.login else access.url
                write_atomic(path, address, 0o600)
                env[f"{prefix}REPOSITORY_FILE"] = str(path)
                env[f"{prefix}PASSWORD_FILE"] = str(access.password.path)
            yield env

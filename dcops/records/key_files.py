"""Where the keys of this installation's journals lie: private ones 0600 in a 0700 folder, public ones as a JWK set.

$DCOPS_STATE/records/keys/<journal>.pem   private, never leaves this machine
$DCOPS_STATE/records/keys.json            public, to be handed out
$DCOPS_STATE/records/writer               name of the journal this installation writes
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcops.core.errors import DcopsError, UsageError
from dcops.core.files import private_dir, read_text, write_atomic
from dcops.records.keyring import KnownKey, key_set, read_key_set
from dcops.records.ports import StoreUnavailable
from dcops.records.sign import PublicKey, SigningKey

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")


class KeyFiles:
    """The key files below `$DCOPS_STATE/records`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.public_path = folder / "keys.json"

    def private_path(self, journal: str) -> Path:
        """Return where the private key of a journal lies; raise UsageError for a name that is no file name."""
        if not _NAME.match(journal):
            raise UsageError(f'"{journal}" is no journal name', hint="Use letters, digits, dot, dash and underscore.")
        return self._folder / "keys" / f"{journal}.pem"

    def writer(self, proposed: str) -> str:
        """Return the journal this installation writes: as it was set once, else `proposed`; nothing is written."""
        path = self._folder / "writer"
        return read_text(path).strip() if path.exists() else proposed

    def set_writer(self, journal: str) -> None:
        """Make this installation write to `journal` from now on."""
        self.private_path(journal)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self._folder / "writer", f"{journal}\n")

    def load(self, journal: str) -> SigningKey | None:
        """Return the journal's private key, None when there is none yet; raise DcopsError when it is unsafe."""
        path = self.private_path(journal)
        try:
            if path.stat().st_mode & 0o077:
                raise DcopsError("the signing key can be read by others", where=str(path), hint="chmod 600 it.")
            return SigningKey.from_pem(path.read_bytes(), where=str(path))
        except FileNotFoundError:
            return None

    def load_or_make(self, journal: str) -> SigningKey:
        """Return the journal's key, made when there is none; several processes at once get the same one.

        The first journal that gets a key is the one this installation writes from then on.
        """
        with self._locked():
            key = self.load(journal) or self._save(journal, SigningKey.generate())
            if not (self._folder / "writer").exists():
                self.set_writer(journal)
            return key

    def replace(self, journal: str, key: SigningKey) -> None:
        """Put a new private key in place of the old one; the old public key stays in the set."""
        with self._locked():
            self._save(journal, key)

    def known(self) -> tuple[KnownKey, ...]:
        """Return the public keys of this installation, in the order they were made."""
        if not self.public_path.exists():
            return ()
        return read_key_set(read_text(self.public_path), where=str(self.public_path))

    def _save(self, journal: str, key: SigningKey) -> SigningKey:
        path = self.private_path(journal)
        self._publish(journal, key.public)  # first the public half: a key that signs is always a known one
        write_atomic(path, key.to_pem(), mode=0o600)
        return key

    def _publish(self, journal: str, key: PublicKey) -> None:
        text = json.dumps(key_set([*self.known(), KnownKey(key, journal)]), indent=2) + "\n"
        write_atomic(self.public_path, text)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder = private_dir(self._folder / "keys")
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class FileSigner:
    """Signs with a journal's key, read or made at the first use, so that a full disk cannot stop an act before it."""

    def __init__(self, files: KeyFiles, journal: str) -> None:
        self._files, self._journal = files, journal
        self._key: SigningKey | None = None

    @property
    def key_id(self) -> str:
        """The key's id."""
        return self._loaded().key_id

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as JWK."""
        return self._loaded().public.jwk

    def sign(self, text: str) -> str:
        """Return the signature; raise StoreUnavailable when there is no key and none can be made."""
        return self._loaded().sign(text)

    def _loaded(self) -> SigningKey:
        if self._key is None:
            try:
                self._key = self._files.load_or_make(self._journal)
            except (OSError, DcopsError) as error:
                raise StoreUnavailable(f"the signing key cannot be had: {error}") from error
        return self._key

"""Secrets by reference: the reference may be shown, the secret hides itself."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dcops.core.errors import DcopsError, UsageError
from dcops.core.process import run
from dcops.core.settings import Settings

MASK = "***"


class Secret:
    """A secret that shows only where it came from; `reveal()` gives it to the one program that needs it."""

    __slots__ = ("_value", "path", "ref")

    def __init__(self, value: str, ref: str, path: Path | None = None) -> None:
        self._value = value
        self.ref = ref
        self.path = path

    def reveal(self) -> str:
        """Give the secret itself. Never log, print or store the answer."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.ref})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


def mask(text: str, secrets: Iterable[str]) -> str:
    """Give `text` with each of `secrets` (4 characters or more) replaced by ***."""
    for secret in sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def file_below(folder: Path, ref: str) -> Path:
    """Give where `file:NAME` (or `credential:NAME`) lies: below `folder`, whether it is there or not.

    Raises UsageError for another form, an absolute name and one that leaves the folder.
    """
    scheme, _, name = ref.partition(":")
    if scheme not in ("file", "credential") or not name:
        raise UsageError(f'"{ref}" names no file', hint="Write file:NAME, below the secrets folder.")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UsageError(f'"{ref}" leaves the secrets folder', hint="Write file:NAME, below the secrets folder.")
    return folder / name


class SecretStore:
    """Finds the secrets that the inventory refers to.

    References: `file:NAME` below the secrets folder, `env:NAME`, `credential:NAME` (systemd LoadCredential),
    `vault:FILE#KEY` (ansible-vault; its password by ANSIBLE_VAULT_PASSWORD_FILE).
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environ = os.environ if environ is None else environ

    def get(self, ref: str) -> Secret:
        """Give the secret at `ref`. Raises DcopsError when it is not there, UsageError for an unknown form."""
        scheme, _, name = ref.partition(":")
        if scheme == "file":
            return self._from_file(ref, file_below(self._settings.secrets, ref))
        if scheme == "credential":
            folder = self._environ.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise DcopsError("no systemd credentials here", where=ref, hint="Start the unit with LoadCredential=.")
            return self._from_file(ref, file_below(Path(folder), ref))
        if scheme == "env":
            if name not in self._environ:
                raise DcopsError("the environment variable is not set", where=ref)
            return Secret(self._environ[name], ref)
        if scheme == "vault":
            return self._from_vault(ref, name)
        raise UsageError(f'"{ref}" is no secret reference', hint="Use file:, env:, credential: or vault:.")

    def path(self, ref: str) -> Path:
        """Give the file of a `file:` or `credential:` secret, for programs that take a file."""
        secret = self.get(ref)
        if secret.path is None:
            raise UsageError(f'"{ref}" is not kept in a file', hint="Use file: or credential: here.")
        return secret.path

    def _from_file(self, ref: str, path: Path) -> Secret:
        try:
            mode = path.stat().st_mode
            value = path.read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            where, hint = f"{ref} ({path.parent.resolve()})", "DCOPS_SECRETS says where secrets lie."
            raise DcopsError(f"cannot read the secret: {error.strerror}", where=where, hint=hint) from error
        except UnicodeDecodeError:
            raise DcopsError("the secret is not UTF-8 text", where=ref) from None
        if mode & 0o007:
            raise DcopsError("the secret is readable by everybody", where=str(path), hint="chmod 600 it.")
        return Secret(value, ref, path)

    def _from_vault(self, ref: str, name: str) -> Secret:
        file, _, key = name.partition("#")
        done = run(["ansible-vault", "view", str(self._settings.home / file)], env=dict(self._environ))
        from dcops.core.yaml import loads  # only here: most runs never read a vault

        content = loads(done.text, file)
        if not isinstance(content, dict) or key not in content:
            raise DcopsError(f'the vault has no key "{key}"', where=file)
        return Secret(str(content[key]), ref)

"""Debian packages with all they need, through apt's own client, in a folder of its own: this system is not touched."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dcops.core.errors import CommandError, DcopsError
from dcops.core.process import run

_FILES = Path(__file__).parent / "files"
_PASSED = re.compile(r"^(https?_proxy|no_proxy|all_proxy|SSL_CERT_.*)$", re.I)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_TIMEOUT_SECONDS = 1800.0
_LAYOUT = ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "var/lib/apt/lists/partial",
           "var/cache/apt/archives/partial", "var/lib/dpkg", "var/log/apt")  # fmt: skip


def package_names() -> tuple[str, ...]:
    """Return the packages that are asked for by name."""
    lines = (line.partition("#")[0].strip() for line in (_FILES / "packages.txt").read_text("ascii").splitlines())
    return tuple(line for line in lines if line)


class AptPackages:
    """The packages `names` from `sources` (lines of a sources.list), down to the C library, checked by apt."""

    def __init__(self, names: Sequence[str], sources: Sequence[str]) -> None:
        self._names, self._sources = tuple(names), tuple(sources)

    def fetch(self, folder: Path) -> Mapping[str, Path]:
        """Fetch the packages; return name in the kit -> file. apt checks each by the hash in its signed lists.

        Raises CommandError with apt's last words, DcopsError when no source is known.
        """
        if not self._sources:
            hint = "Name one with DCOPS_LAB_MIRROR, or build with --without-packages."
            raise DcopsError("no Debian mirror is known on this machine", hint=hint)
        root = folder / "apt"
        for name in _LAYOUT:
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "var/lib/dpkg/status").touch()
        (root / "etc/apt/sources.list").write_text("\n".join(self._sources) + "\n", encoding="ascii")
        self._apt(root, "update")
        install = ("install", "--yes", "--download-only", "--no-install-recommends")
        # Essential packages are on every machine, but maybe older than these were built for: they go along.
        self._apt(root, *install, *self._names)
        found = sorted((root / "var/cache/apt/archives").glob("*.deb"))
        return {f"packages/{path.name}": path for path in found}

    def _apt(self, root: Path, *words: str) -> None:
        options = {
            "Dir": str(root),
            "Dir::State::status": str(root / "var/lib/dpkg/status"),
            "Dir::Etc::TrustedParts": "/etc/apt/trusted.gpg.d",
            "APT::Architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "APT::Architectures": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
            "Acquire::Languages": "none",
            "APT::Get::List-Cleanup": "false",
        }
        set_by = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        env = {name: value for name, value in os.environ.items() if _PASSED.match(name)}
        env |= {"DEBIAN_FRONTEND": "noninteractive", "APT_CONFIG": "/dev/null"}
        done = run(["apt-get", "-q", *set_by, *words], env=env, check=False, timeout_seconds=_TIMEOUT_SECONDS)
        if done.returncode != 0:
            errors = [line for line in done.stderr.decode(errors="replace").splitlines() if line.startswith("E:")]
            raise CommandError(["apt-get"], done.returncode, "\n".join(errors[:3]))

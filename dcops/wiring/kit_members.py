"""What lies open in a kit beside its content: pages, host keys, public keys, repositories, packages."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template

from dcops.core.errors import DcopsError
from dcops.core.files import read_text
from dcops.core.secrets import file_below
from dcops.core.settings import Settings
from dcops.inventory import Inventory
from dcops.kit.apt import AptPackages, package_names
from dcops.kit.archive import Content
from dcops.kit.model import RepositoryFacts
from dcops.kit.pages import render_pages
from dcops.kit.pip import PipWheels, requirements_for
from dcops.kit.ports import Packages
from dcops.kit.sheets import repositories_text
from dcops.lab.mmdebstrap import PYTHON, SUITE, mirrors
from dcops.records.keyring import key_set
from dcops.runs.cancel import CancelToken
from dcops.wiring.records import trusted_keys

# A kit is for the Debian that the twin's nodes run, because that is the one it is rehearsed on.
DEBIAN = SUITE
Say = Callable[[str], None]
FILES = Path(__file__).parents[1] / "kit" / "files"
_SYSTEM_HOSTS = Path("/etc/ssh/ssh_known_hosts")

__all__ = ["DEBIAN", "PYTHON", "Say", "fetch_packages", "open_members", "readme"]


def open_members(
    settings: Settings,
    inventory: Inventory,
    repositories: Sequence[RepositoryFacts],
    staging: Path,
    known_hosts: Path | None,
) -> dict[str, Content]:
    """Give name in the kit -> content of everything that needs no fetching; `staging` holds bundle and source."""
    pages = {path.stem: read_text(path) for name in ("docs", "runbooks") for path in _pages(settings.home / name)}
    return {
        "content.bundle": staging / "content.bundle",
        "source.tar": staging / "source.tar",
        "install.sh": (FILES / "install.sh").read_bytes(),
        "repositories.txt": repositories_text(repositories).encode(),
        "known_hosts": _known_hosts(settings, known_hosts).read_bytes(),
        **{f"pages/{name}": text for name, text in render_pages(pages).items()},
        **_public(settings, inventory),
    }


def readme(fields: dict[str, str]) -> bytes:
    """Give README.txt."""
    return Template(read_text(FILES / "readme.txt")).substitute(fields).encode()


def fetch_packages(settings: Settings, staging: Path, say: Say, token: CancelToken) -> dict[str, Content]:
    """Fetch wheels and Debian packages into `staging`; give name in the kit -> file."""
    requirements = requirements_for(read_text(settings.home / "requirements" / "base.txt"), PYTHON)
    sources: list[tuple[str, Packages]] = [
        ("Python packages, checked by hash", PipWheels(requirements, PYTHON)),
        (f"Debian packages for {DEBIAN}", AptPackages(package_names(), mirrors())),
    ]
    found: dict[str, Content] = {}
    for what, source in sources:
        say(what)
        found |= source.fetch(staging)
        token.raise_if_cancelled()
    return found


def _pages(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.md"))


def _known_hosts(settings: Settings, given: Path | None) -> Path:
    """Give the file with the SSH host keys: as told, the twin's beside its secrets, else the system's.

    Raises DcopsError when there is none: without it nobody can tell a machine from an impostor.
    """
    places = [given] if given else [settings.secrets.parent / "known_hosts", _SYSTEM_HOSTS]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise DcopsError("no SSH host keys are known", where=str(places[-1]), hint="Name the file: --known-hosts.")
    return found


def _public(settings: Settings, inventory: Inventory) -> dict[str, Content]:
    """Give the public keys: of people, of the journals, of who enrols hosts."""
    found: dict[str, Content] = {}
    for name, person in inventory.people.items():
        lines = [key.line or _public_line(key.ref, settings.secrets) for key in person.keys]
        if any(lines):
            found[f"public/people/{name}.pub"] = "".join(f"{line}\n" for line in lines if line).encode()
    found["public/journals.json"] = (json.dumps(key_set(trusted_keys(settings)), indent=2) + "\n").encode()
    issuer = settings.identity_path.with_name("issuer.pub")
    if issuer.is_file():
        found["public/issuer.pub"] = issuer.read_bytes()
    return found


def _public_line(ref: str | None, secrets: Path) -> str:
    """Give the first line of a public key file; a file that is not here, or holds no public key, gives none."""
    if ref is None or not ref.startswith("file:"):
        return ""
    path = file_below(secrets, ref)
    line = read_text(path).partition("\n")[0] if path.is_file() else ""
    return line if line.startswith(("ssh-", "ecdsa-", "sk-")) else ""

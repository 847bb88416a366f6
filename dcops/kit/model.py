"""Frozen types of the recovery kit. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import Field

from dcops.core.units import Seconds
from dcops.core.words import Environment, Frozen, Status, Value

FORMAT = "dcops recovery kit 1"


@dataclass(frozen=True)
class Share:
    """One holder's part of the key.

    Attributes:
        kit: ULID of the kit.
        signer: the first 14 bytes of the SHA-256 of the raw public key that signs the kit, so that M holders together
            vouch for the kit they open.
        value: 32 bytes, uniform by themselves; shown by no print.
    """

    kit: str
    threshold: int
    shares: int
    index: int
    signer: bytes
    value: bytes = field(repr=False)


@dataclass(frozen=True)
class SecretItem:
    """A secret that goes into the kit; `file` is its name below the secrets folder. The value is shown by no print."""

    name: str
    ref: str
    file: str
    purpose: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """A secret that recovery needs, by reference; one that `is_public` (a certificate) may be read by everybody."""

    name: str
    ref: str
    file: str
    purpose: str
    is_public: bool = False


class SecretFacts(Frozen):
    """What the open part of a kit says of a secret: everything but the secret.

    Attributes:
        fingerprint: scrypt of the secret with the kit's salt: equal for equal secrets, slow to guess from.
    """

    name: str
    ref: str
    file: str
    purpose: str
    fingerprint: str


class Gap(Frozen):
    """A credential that is not in the kit, and why."""

    name: str
    why: str


class RepositoryFacts(Frozen):
    """A backup repository and how to reach it; `logins`: site -> account, `secrets`: what opens it, by reference."""

    name: str
    url: str
    application: str
    host: str
    addresses: tuple[str, ...]
    logins: dict[str, str]
    secrets: tuple[str, ...]
    ca: str | None = None
    sources: tuple[str, ...] = ()


class InventoryFacts(Frozen):
    """The inventory that a kit holds, by what a later one is compared with."""

    name: str
    environment: Environment
    revision: str
    devices: tuple[str, ...]
    applications: tuple[str, ...]
    repositories: tuple[str, ...]
    credentials: tuple[str, ...]


class About(Frozen):
    """The signed description of a kit, `about.json`.

    Attributes:
        commit: of the content that lies in content.bundle and source.tar.
        share_sha256: of each share's text in order of its index: tells a wrong share from a right one.
        salt: of the fingerprints, hex.
        max_age: how old a kit may be by the inventory's policy when it was built.
        has_packages: whether the wheels and Debian packages are in it.
    """

    format: str = FORMAT
    kit: str
    created_at: datetime
    commit: str
    dcops_version: str
    inventory: InventoryFacts
    threshold: int = Field(ge=2)
    shares: int = Field(ge=2)
    share_sha256: tuple[str, ...]
    salt: str
    secrets: tuple[SecretFacts, ...]
    left_out: tuple[Gap, ...] = ()
    repositories: tuple[RepositoryFacts, ...] = ()
    has_packages: bool
    debian: str
    python: str
    max_age: Value[Seconds] | None = None


@dataclass(frozen=True)
class Today:
    """What is now, as this host knows it; `fingerprints`: secret -> fingerprint with the kit's salt, None: not here."""

    inventory: InventoryFacts
    fingerprints: dict[str, str | None]
    max_age: Value[Seconds] | None


@dataclass(frozen=True)
class Line:
    """One thing held against a kit."""

    rule: str
    status: Status
    reason: str


@dataclass(frozen=True)
class Built:
    """A kit that was written."""

    path: Path
    sheets: tuple[Path, ...]
    about: About
    sha256: str
    manifest_sha256: str
    size_bytes: int
    members: int


@dataclass(frozen=True)
class Kit:
    """A kit whose every byte was checked: what it says, who signed it, its members' names and the sealed secrets."""

    about: About
    key_id: str
    signer: bytes
    manifest_sha256: str
    sha256: str
    size_bytes: int
    members: tuple[str, ...]
    sealed: bytes = field(repr=False)

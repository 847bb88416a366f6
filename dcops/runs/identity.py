"""The signed identity of a host: which environment, site, inventory and node this machine is, tied to its machine-id.

Written at enrolment (the lab does it for each node of a twin), read before the first write of every verb. A mismatch
refuses with exit code 7 and touches nothing. The issuer's public key lies beside it as `issuer.pub`.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dcops.core.clock import rfc3339
from dcops.core.errors import DcopsError, Refused
from dcops.core.files import write_atomic
from dcops.core.words import Environment
from dcops.records.canonical import canonical_text
from dcops.records.sign import PublicKey, SigningKey

MACHINE_ID = Path("/etc/machine-id")


class Identity(BaseModel):
    """What enrolment said about one machine. `issuer` is the id of the signing key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    environment: Environment = Field(strict=False)
    site: str
    inventory: str
    node: str
    machine_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    issued_at: str
    issuer: str
    signature: str = ""

    @property
    def signed_text(self) -> str:
        """The canonical text the signature covers: everything but the signature."""
        return canonical_text(self.model_dump(mode="json", exclude={"signature"}), where="identity")


def issue_identity(
    key: SigningKey,
    *,
    environment: Environment | str,
    site: str,
    inventory: str,
    node: str,
    machine_id: str,
    at: datetime,
) -> Identity:
    """Return a signed identity for one machine."""
    draft = Identity(
        environment=Environment(environment),
        site=site,
        inventory=inventory,
        node=node,
        machine_id=machine_id,
        issued_at=rfc3339(at),
        issuer=key.key_id,
    )
    return draft.model_copy(update={"signature": key.sign(draft.signed_text)})


def verify(identity: Identity, public_key: PublicKey, machine_id: str) -> None:
    """Raise Refused unless `public_key` signed this identity and it was issued for this very machine."""
    if identity.issuer != public_key.key_id or not public_key.verifies(identity.signed_text, identity.signature):
        _refuse(f"the identity of {identity.node} is not signed by the enrolling key", "Enrol this host again.")
    if identity.machine_id != machine_id:
        _refuse(
            f"the identity of {identity.node} was issued for another machine",
            "This disk or file was copied; enrol this host.",
        )


def load_identity(path: Path) -> Identity:
    """Read an identity file, signature not yet checked; raise Refused when it is missing or malformed."""
    try:
        data: Any = json.loads(path.read_text("utf-8"))
        return Identity.model_validate(data)
    except FileNotFoundError:
        _refuse("this host is not enrolled", "Enrol it, or act from an enrolled host.", path)
    except (OSError, ValueError, ValidationError):
        _refuse("the identity cannot be read", "Enrol this host again.", path)


def save_identity(path: Path, identity: Identity, issuer: PublicKey) -> None:
    """Write the identity and, beside it, the issuer's public key; a second call replaces both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(issuer_path(path), issuer.pem)
    write_atomic(path, identity.model_dump_json(indent=2) + "\n")


def issuer_path(path: Path) -> Path:
    """Return where the issuer's public key lies for the identity at `path`."""
    return path.with_name("issuer.pub")


def load_issuer(path: Path) -> PublicKey:
    """Read the issuer's public key that lies beside the identity at `path`; raise Refused when there is none."""
    where = issuer_path(path)
    try:
        return PublicKey.from_pem(where.read_bytes(), where=str(where))
    except (OSError, DcopsError):
        _refuse("the enrolling key is missing or no key", "Enrol this host again.", where)


def read_machine_id(path: Path = MACHINE_ID) -> str:
    """Return this machine's id, 32 hex digits; raise Refused when the machine has none."""
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        _refuse("this machine has no machine-id", "Run systemd-machine-id-setup.", path)


def require_identity(
    path: Path,
    *,
    environment: Environment | str | None = None,
    inventory: str | None = None,
    site: str | None = None,
    node: str | None = None,
    public_key: PublicKey | None = None,
    machine_id: str | None = None,
) -> Identity:
    """Return this host's verified identity, or raise Refused (exit 7) with every mismatch; nothing is touched.

    What is None is not compared. The issuer's key and the machine-id are read from their usual places unless given.
    """
    identity = load_identity(path)
    verify(identity, public_key or load_issuer(path), machine_id or read_machine_id())
    wanted = {"environment": environment, "inventory": inventory, "site": site, "node": node}
    wrong = [
        f"{name} is {getattr(identity, name)}, not {value}"
        for name, value in wanted.items()
        if value is not None and str(getattr(identity, name)) != str(value)
    ]
    if wrong:
        _refuse(
            f"this host's {'; '.join(wrong)}", "Act from a host enrolled there, or choose the inventory with -i.", path
        )
    return identity


def _refuse(message: str, hint: str, where: Path | None = None) -> NoReturn:
    raise Refused(message, where=str(where) if where else None, hint=hint)

"""Makes a bare machine the operations server that is lost: an identity, signed by the enrolling key of a kit."""

from pathlib import Path

from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError, Refused, UsageError
from dcops.core.files import read_text
from dcops.core.secrets import SecretStore
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.inventory import Inventory, Role, load
from dcops.kit.model import About
from dcops.records.kinds.enrolment import Enrolment
from dcops.records.sign import SigningKey
from dcops.runs.identity import Identity, issue_identity, read_machine_id, save_identity
from dcops.wiring.records import open_journal

_ASSET = "identity:*"


def enrol_here(settings: Settings, folder: Path, node: str) -> Identity:
    """Give this machine the identity of `node`, an operations server of the inventory in an opened kit.

    Raises Refused (exit 7) when this machine has one already, UsageError for a folder or a node that is none.
    """
    if settings.identity_path.exists():
        hint = "A machine is enrolled once; remove that file if the machine was wiped."
        raise Refused("this machine has an identity already", where=str(settings.identity_path), hint=hint)
    opened = Settings(folder / "home", settings.state, folder / "secrets", settings.identity_path)
    inventory = _inventory(opened, folder)
    device = _operations_server(inventory, node)
    key = SigningKey.from_pem((_key_text(opened, inventory) + "\n").encode(), where="the enrolling key")
    identity = issue_identity(
        key,
        environment=inventory.environment,
        site=device,
        inventory=inventory.name,
        node=node,
        machine_id=read_machine_id(),
        at=utc_now(),
    )
    save_identity(settings.identity_path, identity, key.public)
    payload = Enrolment(name=node, subject="host", inventory=inventory.name, site=identity.site,
                        facts={"machine_id": identity.machine_id, "issuer": identity.issuer})  # fmt: skip
    journal = open_journal(settings, inventory, inventory.environment)
    journal.append(payload.kind, payload.model_dump(mode="json"))
    return identity


def _inventory(opened: Settings, folder: Path) -> Inventory:
    path = folder / "about.json"
    if not path.is_file():
        raise UsageError("this is no opened kit", where=str(folder), hint="Name the folder that kit open made.")
    try:
        about = About.model_validate_json(read_text(path))
    except ValueError:
        raise UsageError("this is no opened kit", where=str(path)) from None
    return load(opened.inventory_root(about.inventory.name))


def _operations_server(inventory: Inventory, node: str) -> str:
    """Give the site of an operations server; raise UsageError for any other name."""
    known = {each.name: each.site for each in inventory.devices_with_role(Role.OPERATIONS)}
    if node not in known:
        guess = did_you_mean(node, known)
        hint = f'Did you mean "{guess}"?' if guess else f"Operations servers: {', '.join(known)}."
        raise UsageError(f'"{node}" is no operations server of inventory {inventory.name}', hint=hint)
    return known[node]


def _key_text(opened: Settings, inventory: Inventory) -> str:
    """Give the key that signs identities: the credential that writes `identity:*`."""
    ref = next((each.secret for each in inventory.credentials.values() if _ASSET in each.writes), None)
    if ref is None:
        raise DcopsError(
            f"no credential of the inventory writes {_ASSET}", hint="Then no host can be enrolled by a kit."
        )
    return SecretStore(opened).get(ref).reveal()

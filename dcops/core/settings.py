"""The toolkit's own settings: where content and state are. Everything else is inventory."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dcops.core.errors import UsageError

INSTALLED_STATE = Path("/var/lib/dcops")
IDENTITY = Path("/etc/dcops/identity.json")


@dataclass(frozen=True)
class Settings:
    """Folders a dcops process uses.

    Attributes:
        home: content (inventory, playbooks, drills); DCOPS_HOME, else the checkout this package lies in, else the
            working folder.
        state: all that is written; DCOPS_STATE, else `var/` of a checkout, else /var/lib/dcops.
        secrets: where `file:` secrets lie; DCOPS_SECRETS, else `secrets/` in the state folder.
        identity_path: this host's signed identity; DCOPS_IDENTITY, else /etc/dcops/identity.json.
        inventory: the inventory verbs that only read use, named by DCOPS_INVENTORY, or None.
    """

    home: Path
    state: Path
    secrets: Path
    identity_path: Path = IDENTITY
    inventory: str | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from `environ`, by default this process's.

        Raises UsageError for a home that is not there.
        """
        env = os.environ if environ is None else environ
        checkout = Path(__file__).resolve().parents[2]
        is_checkout = (checkout / "inventory").is_dir() and (checkout / "pyproject.toml").is_file()
        home = Path(env["DCOPS_HOME"]) if env.get("DCOPS_HOME") else checkout if is_checkout else Path.cwd()
        if not home.is_dir():
            raise UsageError("DCOPS_HOME is no folder", where=str(home), hint="Point it at a checkout of dcops.")
        state = Path(env["DCOPS_STATE"]) if env.get("DCOPS_STATE") else home / "var" if is_checkout else INSTALLED_STATE
        secrets = Path(env["DCOPS_SECRETS"]) if env.get("DCOPS_SECRETS") else state / "secrets"
        identity = Path(env.get("DCOPS_IDENTITY") or IDENTITY)
        return cls(home, state, secrets, identity, env.get("DCOPS_INVENTORY") or None)

    def enrolled_inventory(self) -> str | None:
        """Give the inventory in this host's identity file, None when it belongs to none.

        What the file says is not verified here: who acts on it does that (dcops.runs.identity).
        """
        try:
            document = json.loads(self.identity_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        name = document.get("inventory") if isinstance(document, dict) else None
        return name if isinstance(name, str) else None

    def inventory_root(self, name: str) -> Path:
        """Give the folder of inventory `name`: a name under `inventory/`, or a path with a slash."""
        root = Path(name) if "/" in name else self.home / "inventory" / name
        if not root.is_dir():
            known = sorted(p.name for p in (self.home / "inventory").glob("*") if p.is_dir())
            raise UsageError(f'inventory "{name}" is not there', where=str(root), hint=f"Known: {', '.join(known)}.")
        return root

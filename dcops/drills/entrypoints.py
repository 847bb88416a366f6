"""Finds actions and probes: by the metadata of installed packages, else by this checkout's pyproject.toml.

A node runs a read-only checkout that was never installed, so there is no metadata; the same groups are then read from
the file that would have made it.
"""

import importlib
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from dcops.core.errors import DcopsError
from dcops.drills.kinds import Action, Catalogue, Probe

ACTIONS, PROBES = "dcops.drill_actions", "dcops.drill_probes"


def load_catalogue(home: Path) -> Catalogue:
    """Give all actions and probes. Raises DcopsError naming one that cannot be loaded or is not what it should be."""
    actions = {name: _load(name, value, Action) for name, value in _named(ACTIONS, home).items()}
    probes = {name: _load(name, value, Probe) for name, value in _named(PROBES, home).items()}
    return Catalogue(actions, probes)


def _named(group: str, home: Path) -> dict[str, str]:
    """Give name -> module:object of a group; the checkout's own file wins over older metadata."""
    found = {each.name: each.value for each in entry_points(group=group)}
    file = home / "pyproject.toml"
    if file.is_file():
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        found |= document.get("project", {}).get("entry-points", {}).get(group, {})
    return found


def _load(name: str, value: str, kind: type[Any]) -> Any:
    """Import one entry point and check what it is."""
    module, _, attribute = value.partition(":")
    try:
        loaded = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise DcopsError(f"cannot be loaded: {error}", where=f"{name} = {value}") from error
    if not isinstance(loaded, kind) or loaded.name != name:
        raise DcopsError(f"is no {kind.__name__.lower()} called {name}", where=f"{name} = {value}")
    return loaded

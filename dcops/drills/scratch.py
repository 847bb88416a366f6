"""What a scenario calls `@scratch`: a database and a folder that only this run has. Pure."""

from collections.abc import Mapping
from typing import Any

SCRATCH = "@scratch"
_FOLDER = "/var/lib"  # root's: nobody else can make the folder, or a link of its name, before the run does
_SAMPLE = "dcops_run"


def scratch_folder(own_name: str) -> str:
    """Give the folder at any device that belongs to the run of this name."""
    return f"{_FOLDER}/{own_name}"


def placed(parameters: Mapping[str, Any], own_name: str = _SAMPLE) -> dict[str, Any]:
    """Give a step's parameters with `@scratch` under `database` and `path` replaced by what this run has.

    Without `own_name` a sample of the same form is put in: what the lint holds against the schema.
    """
    own = {"database": own_name, "path": scratch_folder(own_name)}
    return {key: own[key] if key in own and value == SCRATCH else value for key, value in parameters.items()}


def leaves_scratch(parameters: Mapping[str, Any]) -> bool:
    """Say whether an action with these parameters acts on anything but the run's own database or folder."""
    targets = [parameters[key] for key in ("database", "path") if key in parameters]
    return not targets or any(target != SCRATCH for target in targets)

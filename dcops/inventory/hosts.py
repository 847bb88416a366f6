"""Ansible's entry: what the executable `inventory/<name>/hosts` runs. Prints JSON, imports no command line."""

import gc
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dcops.core.errors import DcopsError, UsageError
from dcops.core.settings import Settings
from dcops.core.words import Environment
from dcops.inventory.ansible import Access, access_in_band, access_to_twin, listing
from dcops.inventory.loader import load
from dcops.inventory.model import Inventory

USAGE = "usage: hosts --list | --host NAME"


def access_from(settings: Settings, inventory: Inventory, environ: Mapping[str, str]) -> Access:
    """Give how hosts are reached from this machine.

    A node of this inventory goes in-band with its own key and known_hosts; the twin's host goes through the management
    namespace; any other workstation goes in-band and knows only the inventory's own known_hosts.
    """
    # A server of production may be the host of a twin, too: being enrolled elsewhere does not make it a node here.
    if settings.enrolled_inventory() == inventory.name:
        return access_in_band()
    if inventory.environment is Environment.TWIN:
        twin = environ.get("DCOPS_TWIN") or "lab"
        return access_to_twin(twin, settings.state / "lab" / twin, Path(__file__).with_name("relay.py"))
    return access_in_band(inventory.root / "known_hosts")


def answer(root: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> object:
    """Give what Ansible asked for. Raises UsageError for another question, SpecError for a wrong inventory."""
    is_list = list(arguments) == ["--list"]
    if not is_list and (len(arguments) != 2 or arguments[0] != "--host"):
        raise UsageError(USAGE)
    inventory = load(root)
    access = access_from(Settings.load(environ), inventory, environ)
    found = listing(inventory, access, everything=environ.get("DCOPS_INVENTORY_ALL") == "1")
    return found if is_list else found["_meta"]["hostvars"].get(arguments[1], {})


def main(argv: Sequence[str]) -> int:
    """Run with ROOT and Ansible's arguments; errors are lines on stderr and an exit code."""
    gc.disable()  # the process ends when it has printed; looking for cycles costs a fifth of the time at 5,000 hosts
    try:
        print(json.dumps(answer(Path(argv[1]), argv[2:], os.environ)))
    except DcopsError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

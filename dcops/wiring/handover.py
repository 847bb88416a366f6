"""Hands this host's journal to the other operations servers, so that its receipts outlive its site."""

import tempfile
from pathlib import Path

from dcops.backup.ssh import SshTarget
from dcops.core.errors import DcopsError
from dcops.core.process import run
from dcops.core.settings import Settings
from dcops.inventory import Inventory, Role
from dcops.records.service import Journal
from dcops.runs.identity import Identity
from dcops.wiring.records import PEERS, export_records

RECEIVED = "records/received"


def hand_over(settings: Settings, inventory: Inventory, identity: Identity, journal: Journal) -> list[str]:
    """Copy this host's journal to every other operations server, verified there before it takes the old copy's place.

    The other side checks it with the public key it was provisioned with, so a copy that does not verify, or one from
    somebody else, never replaces a good one. Gives a warning for each server that did not take it; the next run tries
    again with the whole journal. A second call is harmless.
    """
    peers = [each for each in inventory.devices_with_role(Role.OPERATIONS) if each.name != identity.node]
    warnings = []
    for peer in peers:
        try:
            _to(settings, journal, identity.node, SshTarget(peer.name, str(peer.address)))
        except DcopsError as error:
            warnings.append(f"the journal was not handed to {peer.name}: {error}")
    return warnings


def _to(settings: Settings, journal: Journal, node: str, target: SshTarget) -> None:
    goal = str(settings.state / RECEIVED / node)
    fresh, key = f"{goal}.new", str(settings.state / PEERS / f"{node}.json")
    with tempfile.TemporaryDirectory(prefix="dcops-") as folder:
        export = Path(folder) / "export"
        export_records(settings, journal, export, journal.name)
        archive = run(["tar", "-C", str(export), "-cf", "-", "."]).stdout
    target.run(["rm", "-rf", fresh])
    target.run(["mkdir", "-p", fresh])
    target.run(["tar", "-xf", "-", "--no-same-owner", "-C", fresh], input=archive)
    target.run(["dcops", "records", "verify", "--export", fresh, "--keys", key])
    target.run(["rm", "-rf", goal])
    target.run(["mv", fresh, goal])

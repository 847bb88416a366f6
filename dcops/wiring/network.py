"""Joins the network capability to this installation: sessions with this host's key, templates, the git history.

Sessions are only opened from an enrolled host (an operations server). Anywhere else the addresses of an inventory might
be somebody else's: on the twin's host, outside its namespaces, they would leave the machine.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dcops.core.errors import Refused
from dcops.core.files import private_dir, write_atomic
from dcops.core.settings import Settings
from dcops.inventory.model import InterfaceRole, Inventory, Role
from dcops.inventory.writing import require_writable
from dcops.network.git import GitHistory
from dcops.network.intent import Network, network_of
from dcops.network.jinja import TemplateRenderer
from dcops.network.model import Target
from dcops.network.ports import OpenReader, OpenWriter
from dcops.network.service import SiteRouters
from dcops.runs.identity import Identity, require_identity
from dcops.wiring.enrolled_writers import EnrolledWriters, EnrolmentJournal, RecordReader

__all__ = ["NetworkTools", "open_history", "open_network", "require_writer", "site_routers", "withdrawn_services"]

KEY_FILE = Path("/root/.ssh/id_ed25519")
KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True)
class NetworkTools:
    """What the network's use cases need.

    `writer` is the refusal where the inventory lets nothing be written (observe mode, addresses for laboratories in
    production): no writing adapter is made at all.
    """

    network: Network
    reader: OpenReader
    writer: OpenWriter | Refused
    render: TemplateRenderer
    history: GitHistory
    identity: Identity
    redaction_key: Callable[[], bytes]


def open_network(settings: Settings, inventory: Inventory, journal: EnrolmentJournal | None = None) -> NetworkTools:
    """Give the tools for `inventory` on this host; nothing is connected yet.

    With a `journal`, a device is written on only as the one that was enrolled under its name.
    Raise Refused (exit 7) when this host is not enrolled, or for another inventory or environment.
    """
    from dcops.network.netmiko import NetmikoReaders, NetmikoWriters, SessionSettings

    identity = _identity(settings, inventory)
    network = network_of(inventory)
    session = SessionSettings(KEY_FILE, KNOWN_HOSTS)
    writer: OpenWriter = NetmikoWriters(session)
    if journal is not None:
        writer = EnrolledWriters(writer, journal, KNOWN_HOSTS, inventory.name)
    return NetworkTools(
        network=network,
        reader=NetmikoReaders(session),
        writer=_refusal(inventory, network) or writer,
        render=TemplateRenderer(),
        history=open_history(settings),
        identity=identity,
        redaction_key=lambda: _redaction_key(settings),
    )


def open_history(settings: Settings) -> GitHistory:
    """Give the configuration history of this installation; it need not exist yet."""
    return GitHistory(settings.state / "network" / "configs")


def site_routers(inventory: Inventory, site: str) -> SiteRouters:
    """Give the routers of a site, reached by their loopbacks, and their interfaces on the site's own networks."""
    devices = [each for each in inventory.devices_with_role(Role.ROUTER) if each.site == site]
    devices = [each for each in devices if inventory.is_managed(each)]
    return SiteRouters(
        site=site,
        targets=tuple(
            Target(each.name, each.site, each.loopback_address or each.address or "", each.platform or "")
            for each in devices
        ),
        interfaces={
            each.name: tuple(port.name for port in each.interfaces if port.role is InterfaceRole.LAN)
            for each in devices
        },
    )


def withdrawn_services(journal: RecordReader) -> frozenset[str]:
    """The service addresses whose newest `network.service_move` took them back without a new site.

    The record may be another operations server's, once its journal was handed over.
    """
    newest: dict[str, str] = {}
    for record in journal.query(kind="network.service_move", is_newest_first=True):
        newest.setdefault(str(record.payload["service"]), str(record.payload["to_site"]))
    return frozenset(service for service, to_site in newest.items() if not to_site)


def require_writer(tools: NetworkTools) -> OpenWriter:
    """Give the writing adapter; raise Refused where the inventory lets nothing be written."""
    if isinstance(tools.writer, Refused):
        raise tools.writer
    return tools.writer


def _refusal(inventory: Inventory, network: Network) -> Refused | None:
    """Give why nothing may be written on the network's devices, None when it may."""
    try:
        require_writable(inventory, [inventory.devices[name] for name in network.base])
    except Refused as refusal:
        return refusal
    return None


def _identity(settings: Settings, inventory: Inventory) -> Identity:
    if not settings.identity_path.exists():
        raise Refused(
            "this host is not enrolled, so it opens no session with network devices",
            where=str(settings.identity_path),
            hint="Act on an operations server: dcops lab exec jkt-ops1 -- dcops net ...",
        )
    return require_identity(settings.identity_path, environment=inventory.environment, inventory=inventory.name)


def _redaction_key(settings: Settings) -> bytes:
    """The key of the hashes that stand for secrets; made at the first use and kept, so that hashes stay comparable."""
    path = settings.state / "network" / "redaction.key"
    if not path.is_file():
        private_dir(path.parent)
        write_atomic(path, secrets.token_bytes(32), mode=0o600)
    return path.read_bytes()

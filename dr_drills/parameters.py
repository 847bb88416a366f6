"""Parameters that several actions and probes share."""

from typing import Annotated

from pydantic import Field

from dcops.core.units import Seconds
from dcops.core.words import Frozen

DeviceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
SqlName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
UnitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9@._-]+\.service$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
FolderPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+[A-Za-z0-9]$")]
DomainName = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]+$")]
OwnerName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]*$")]


class Nothing(Frozen):
    """No parameters."""


class Node(Frozen):
    """One node of the twin."""

    node: DeviceName


class Site(Frozen):
    """One site."""

    site: DeviceName


class Link(Frozen):
    """A wide-area link, or a node's name for its cable into the site's network."""

    link: DeviceName


class Device(Frozen):
    """A device of the inventory."""

    device: DeviceName


class ClusterAt(Frozen):
    """A PostgreSQL cluster of a device, as the inventory names it."""

    device: DeviceName
    cluster: SqlName


class Database(Frozen):
    """A database at a device: of its first cluster, or of the one named."""

    device: DeviceName
    database: SqlName
    cluster: SqlName | None = None

    @property
    def server(self) -> str:
        """How the context's databases are told which server is meant."""
        return server_of(self.device, self.cluster)


def server_of(device: str, cluster: str | None) -> str:
    """Give the name of a database server: the device, and the cluster where it is not the usual one."""
    return f"{device}/{cluster}" if cluster else device


class Folder(Frozen):
    """A folder at a device, and the account its files belong to."""

    device: DeviceName
    path: FolderPath
    owner: OwnerName = "root"


class Unit(Frozen):
    """A systemd unit at a device."""

    device: DeviceName
    unit: UnitName


class Within(Frozen):
    """How long to wait for something."""

    within: Seconds = 60.0

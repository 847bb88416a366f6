"""Parameters that several actions and probes share."""

from typing import Annotated

from pydantic import Field

from dcops.core.units import Seconds
from dcops.core.words import Frozen

DeviceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
SqlName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
UnitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9@._-]+\.service$")]
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


class Database(Frozen):
    """A database at a device."""

    device: DeviceName
    database: SqlName


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
